package org.llminspector.train;

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
}
