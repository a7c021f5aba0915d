package org.llminspector.train;

import java.util.List;

/** Dialogues are endless streams of what an assistant learns from, each a function of its split and index. */
public interface Dialogues {

    /** A conversation, turn after turn: one example for supervised fine-tuning. */
    List<Exchange> conversation(Corpus.Split split, long index);

    Preference preference(Corpus.Split split, long index);
}
