package org.llminspector.tales.check;

import java.util.List;
import org.llminspector.tales.corpus.Tales;
import org.llminspector.train.Corpus.Split;
import org.llminspector.train.Critic;

/** Critic of continuations of a story's first paragraph, by the proofreader. */
public final class TalesCritic implements Critic {

    /** Stories of these openings are neither documents nor in conversations. */
    private static final long OPENINGS = 1L << 43;

    private final Tales tales;
    private final Proofreader proofreader;

    /** Learns the tales' language: about two seconds. */
    public TalesCritic(long seed) {
        this.tales = new Tales(seed);
        this.proofreader = new Proofreader(tales).strict();
    }

    @Override
    public String opening(long index) {
        String text = tales.tale(Split.TRAIN, OPENINGS + index).text();
        return text.substring(0, text.indexOf("\n\n"));
    }

    @Override
    public List<Integer> sentences(String text) {
        return Language.ends(text);
    }

    @Override
    public boolean approves(String text) {
        return proofreader.faults(text).isEmpty();
    }
}
