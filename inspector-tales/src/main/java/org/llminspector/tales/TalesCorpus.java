package org.llminspector.tales;

import java.nio.file.Path;
import org.llminspector.tales.check.TalesCritic;
import org.llminspector.tales.corpus.Tales;
import org.llminspector.tales.corpus.TalesChat;
import org.llminspector.tales.corpus.TalesTokenizer;
import org.llminspector.train.Corpus;
import org.llminspector.train.Critic;
import org.llminspector.train.Dialogues;
import org.llminspector.train.NamedCorpus;

/** The corpus that recipes name {@code tales}. */
public final class TalesCorpus implements NamedCorpus {

    @Override
    public String name() {
        return "tales";
    }

    @Override
    public Corpus documents(long seed) {
        return new Tales(seed);
    }

    @Override
    public Dialogues dialogues(long seed) {
        return new TalesChat(seed);
    }

    @Override
    public Critic critic(long seed) {
        return new TalesCritic(seed);
    }

    @Override
    public void writeTokenizer(long seed, Path folder) {
        TalesTokenizer.write(seed, folder);
    }

    @Override
    public int vocabulary() {
        return TalesTokenizer.VOCABULARY;
    }
}
