/**
 * Conversion of text to ids and back, by a model's own tokenizer.json or GGUF file, without losing a byte.
 *
 * <p>A tokenizer is safe on any thread.
 */
package org.llminspector.tokenize;
