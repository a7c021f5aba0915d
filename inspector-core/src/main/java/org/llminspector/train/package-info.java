/**
 * Train is where a model comes from: the corpus, the trainer, the tuning that makes an assistant.
 */
package org.llminspector.train;
