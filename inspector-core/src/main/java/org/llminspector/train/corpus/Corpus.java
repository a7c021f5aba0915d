package org.llminspector.train.corpus;

import java.util.List;

/** Endless stream of documents, each a function of its split and index: nothing is stored, access is random. */
public interface Corpus {

    /** The use of a document; no document is in both. */
    enum Split {
        TRAIN,
        HELD_OUT
    }

    /**
     * One whole document, without control tokens.
     *
     * @param index from 0
     */
    String document(Split split, long index);

    /** A range of a document's characters; {@code to} is exclusive. */
    record Span(int from, int to) {}

    /**
     * Spans that follow from the document before them, in order; a recipe may weight them more. Empty for a corpus that
     * does not know them.
     */
    default List<Span> determined(Split split, long index) {
        return List.of();
    }

    /**
     * A word that the author drew from several.
     *
     * @param word its span
     * @param drawnFrom all equally likely words, itself included; each fits there unchanged
     */
    record Choice(Span word, List<String> drawnFrom) {}

    /** The words of a document drawn from several, in order. Empty for a corpus that does not know them. */
    default List<Choice> choices(Split split, long index) {
        return List.of();
    }
}
