package org.llminspector.train.corpus;

import java.util.List;

/** Endless streams of conversations and preferences, each a function of its split and index. */
public interface Dialogues {

    /** A conversation: one example for supervised fine-tuning. */
    List<Exchange> conversation(Corpus.Split split, long index);

    Preference preference(Corpus.Split split, long index);
}
