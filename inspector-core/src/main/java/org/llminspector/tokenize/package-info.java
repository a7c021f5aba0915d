/**
 * Tokenize turns text into ids and back, by a model's own tokenizer.json, and never loses a byte on the way.
 *
 * <p>It also shows how: {@link org.llminspector.tokenize.MergeTrace} merge by merge, {@link
 * org.llminspector.tokenize.ChatTemplate} for conversations, {@link org.llminspector.tokenize.Encodings} to compare.
 *
 * <p>May import: base, tokenize.jinja. A tokenizer is safe on any thread.
 */
package org.llminspector.tokenize;
