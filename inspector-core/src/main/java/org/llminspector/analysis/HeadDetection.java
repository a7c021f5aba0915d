package org.llminspector.analysis;

/**
 * TransformerLens's {@code detect_head}: similarity of a head's pattern to a detection pattern, which is 1 where a head
 * of that role attends and 0 elsewhere (transformer_lens/head_detector.py).
 *
 * <p>Previous token: key = query - 1. Duplicate token: keys before the query with the query's own token. Induction: the
 * keys just after those. Queries without such a key count too, so that scores of a text without repeats are low.
 *
 * @param previousToken score as a previous-token head
 * @param duplicateToken score as a duplicate-token head
 * @param induction score as an induction head
 */
public record HeadDetection(Measures previousToken, Measures duplicateToken, Measures induction) {

    /**
     * The two error measures.
     *
     * @param mul share of all attention on the detection pattern
     * @param abs 1 minus the mean absolute difference of the two matrices times their side length; TransformerLens
     *     rounds it to three decimals, this does not. It is negative where the detection pattern has several keys per
     *     query
     */
    public record Measures(double mul, double abs) {}

    /**
     * One head.
     *
     * @param p patterns, in which the head's [query, key] begins at {@code from}
     * @param tokens the ids at the positions
     */
    static HeadDetection of(float[] p, int from, int[] tokens) {
        int n = tokens.length;
        double all = 0;
        double previous = 0;
        double[] duplicate = new double[2]; // attention on it, and the number of its cells
        double[] induction = new double[2];
        for (int q = 0; q < n; q++) {
            int row = from + q * n;
            int own = tokens[q];
            for (int k = 0; k <= q; k++) {
                all += p[row + k];
                if (k == q || tokens[k] != own) continue;
                duplicate[0] += p[row + k];
                duplicate[1]++;
                induction[0] += p[row + k + 1];
                induction[1]++;
            }
            if (q > 0) previous += p[row + q - 1];
        }
        return new HeadDetection(
                measures(previous, n - 1, all, n),
                measures(duplicate[0], duplicate[1], all, n),
                measures(induction[0], induction[1], all, n));
    }

    /** On the detection pattern a weight's error is 1 minus the weight, elsewhere the weight. */
    private static Measures measures(double on, double places, double all, int n) {
        return new Measures(all == 0 ? 0 : on / all, 1 - (all - on + places - on) / n);
    }
}
