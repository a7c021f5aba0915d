/**
 * Tokenize turns text into ids and back, by a model's own tokenizer.json, and never loses a byte on the way.
 *
 * <p>May import: base. A tokenizer is safe on any thread.
 */
package org.llminspector.tokenize;
