package org.llminspector.train;

/** Dialogues are endless streams of what an assistant learns from, each a function of its split and index. */
public interface Dialogues {

    Exchange exchange(Corpus.Split split, long index);

    Preference preference(Corpus.Split split, long index);
}
