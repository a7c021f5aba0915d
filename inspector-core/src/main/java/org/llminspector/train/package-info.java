/**
 * Train is where a model comes from: the corpus, the trainer, the tuning that makes an assistant.
 *
 * <p>May import: everything to its left.
 */
package org.llminspector.train;
