/** What a model learns from: documents, conversations, preferences, and corpora that recipes name. */
package org.llminspector.train.corpus;
