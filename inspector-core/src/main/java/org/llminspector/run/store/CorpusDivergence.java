package org.llminspector.run.store;

import java.util.List;
import org.llminspector.analysis.output.Intervals;

/**
 * How far B's outputs lie from A's over a corpus, per token: means with 95 % intervals by a paired bootstrap over documents.
 *
 * @param meanKld KL(A || B), nats
 * @param reverseKld KL(B || A)
 * @param deltaNll B's loss less A's
 * @param sameTop share of tokens with the same most probable one on both sides; the others are flips
 * @param worst documents by their mean KL(A || B), the highest first
 */
public record CorpusDivergence(
        long tokens,
        Intervals.Mean meanKld,
        Intervals.Mean reverseKld,
        Intervals.Mean deltaNll,
        Intervals.Mean sameTop,
        List<OfDocument> worst) {

    /**
     * One document's divergence.
     *
     * @param meanKld KL(A || B) per token, nats
     */
    public record OfDocument(String document, double meanKld, long tokens) {}
}
