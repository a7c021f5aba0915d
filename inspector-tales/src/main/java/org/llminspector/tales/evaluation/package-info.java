/**
 * Evaluation of models trained on the tales: continuations, answers, preferences, and copying.
 *
 * <p>Every number comes from running the model on held-out stories.
 */
package org.llminspector.tales.evaluation;
