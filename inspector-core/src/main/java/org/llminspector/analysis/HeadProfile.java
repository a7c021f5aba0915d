package org.llminspector.analysis;

import com.fasterxml.jackson.annotation.JsonIgnoreProperties;
import java.util.BitSet;
import java.util.List;
import org.llminspector.base.Parallel;
import org.llminspector.base.Problem;
import org.llminspector.base.Tensor;

/**
 * All scores of one head on one text.
 *
 * @param stripes share of attention per role, averaged over the queries where the role applies
 * @param detect similarity of the pattern to each role's (TransformerLens's detect_head)
 * @param entropy of the attention weights, nats, averaged over all queries but the first; an attention sink's share is
 *     not included. 0 when each query attends to a single token
 */
public record HeadProfile(
        int layer,
        int head,
        @JsonIgnoreProperties({"layer", "head"}) HeadScores stripes,
        HeadDetection detect,
        double entropy) {

    /**
     * Every head of one layer.
     *
     * @param pattern attention after the softmax, [1, head, query, key]
     * @param tokens the ids at the positions, [pos]
     * @param squares gets each head's pattern, [query * key], valid during the call only; called on several threads
     */
    public static List<HeadProfile> of(int layer, Tensor pattern, int[] tokens, Squares squares) {
        long[] shape = pattern.shape();
        int n = tokens.length;
        if (shape.length != 4 || shape[2] != n || shape[3] != n) {
            throw Problem.invalid("the pattern is not of these tokens")
                    .where("layer " + layer)
                    .expected("[1, head, " + n + ", " + n + "]")
                    .found(java.util.Arrays.toString(shape));
        }
        HeadScores.enough(n);
        BitSet all = new BitSet();
        all.set(0, n);
        HeadProfile[] profiles = new HeadProfile[Math.toIntExact(shape[1])];
        Parallel.each(profiles.length, h -> {
            float[] square = new float[n * n]; // [query, key]
            pattern.toFloats((long) h * n * n, square, n * n);
            profiles[h] = new HeadProfile(
                    layer,
                    h,
                    HeadScores.score(layer, h, square, 0, tokens, all),
                    HeadDetection.of(square, 0, tokens),
                    entropy(square, n));
            squares.head(h, square);
        });
        return List.of(profiles);
    }

    /** Callback for the heads' patterns. */
    @FunctionalInterface
    public interface Squares {
        void head(int head, float[] square);
    }

    private static double entropy(float[] p, int n) {
        double sum = 0;
        for (int q = 1; q < n; q++) {
            for (int k = 0; k <= q; k++) {
                double w = p[q * n + k];
                if (w > 0) sum -= w * Math.log(w);
            }
        }
        return sum / (n - 1);
    }
}
