/** Training: corpora, the trainer, and the tuning of an assistant. */
package org.llminspector.train;
