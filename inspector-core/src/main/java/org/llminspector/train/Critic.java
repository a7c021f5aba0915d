package org.llminspector.train;

import java.util.List;

/** Critic says of a text that a model writes whether something is wrong with it: what it could be told by a person, too. */
public interface Critic {

    /** The beginning of a text that a model may go on with, without control tokens; a function of the index. */
    String opening(long index);

    /** After how many characters each sentence of a text ends. */
    List<Integer> sentences(String text);

    /** Whether nothing is wrong with a text, as far as it goes; it ends with a sentence. */
    boolean approves(String text);
}
