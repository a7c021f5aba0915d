package org.llminspector.train;

import java.util.List;

/** Corpus is an endless stream of documents, each a function of its split and index: nothing is stored, any can be asked for first. */
public interface Corpus {

    /** Split says what a document is for; no document is in both. */
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

    /** From one character of a document to another, which is not in it. */
    record Span(int from, int to) {}

    /**
     * Where a document's words follow from what it said before, in order: a recipe may weigh them more. Of a corpus that
     * does not know, nowhere.
     */
    default List<Span> determined(Split split, long index) {
        return List.of();
    }

    /**
     * A word that the author drew from several.
     *
     * @param word where it stands
     * @param drawnFrom all of which were as likely, the word itself among them; each could stand there as it is
     */
    record Choice(Span word, List<String> drawnFrom) {}

    /** Which words of a document were drawn from several, in order. Of a corpus that does not know, none. */
    default List<Choice> choices(Split split, long index) {
        return List.of();
    }
}
