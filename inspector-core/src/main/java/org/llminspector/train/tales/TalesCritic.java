package org.llminspector.train.tales;

import java.util.List;
import org.llminspector.train.Corpus.Split;
import org.llminspector.train.Critic;

/** TalesCritic lets the first paragraph of a story be gone on with, and has what was told proofread. */
public final class TalesCritic implements Critic {

    /** No story that these begin is a document, and none is asked about. */
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
