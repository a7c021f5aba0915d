/** Evaluation by log-likelihoods: tasks as rows of tokens, and what their log-likelihoods say of a model. */
package org.llminspector.run.evaluate;
