package org.llminspector.train.corpus;

import java.util.List;

/** Judge of the texts that a model writes: whether a text has a fault. It sees only the text. */
public interface Critic {

    /** The beginning of a text for a model to continue, without control tokens; a function of the index. */
    String opening(long index);

    /** The character offset at which each sentence of a text ends. */
    List<Integer> sentences(String text);

    /** Whether a text that ends with a whole sentence has no fault so far. */
    boolean approves(String text);
}
