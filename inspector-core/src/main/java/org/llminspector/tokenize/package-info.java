/**
 * Tokenize turns text into ids and back, by a model's own tokenizer.json or GGUF file, and never loses a byte on the
 * way.
 *
 * <p>A tokenizer is safe on any thread.
 */
package org.llminspector.tokenize;
