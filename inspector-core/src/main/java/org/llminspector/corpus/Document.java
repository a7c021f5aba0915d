package org.llminspector.corpus;

/**
 * One text of a corpus.
 *
 * @param id names it in the corpus: its file, line or own id; the same whenever the corpus is read
 */
public record Document(String id, String text) {}
