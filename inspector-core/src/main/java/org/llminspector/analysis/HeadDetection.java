package org.llminspector.analysis;

/**
 * HeadDetection is TransformerLens's {@code detect_head}: how much a head's whole pattern is like a detection pattern, which
 * is 1 where a head of that role would look and 0 elsewhere (transformer_lens/head_detector.py).
 *
 * <p>Previous token: key = query - 1. Duplicate token: keys before the query with the query's own token. Induction: the keys
 * just after those. A query without such a key counts as well, so that figures of a text without repeats are low.
 *
 * @param previousToken how much it is a previous-token head
 * @param duplicateToken a duplicate-token head
 * @param induction an induction head
 */
public record HeadDetection(Measures previousToken, Measures duplicateToken, Measures induction) {

    /**
     * Measures are its two error measures.
     *
     * @param mul the share of all attention that lies on the detection pattern
     * @param abs 1 less the mean absolute difference between the two squares, times their side; TransformerLens rounds it to
     *     three decimals, this does not. It falls below 0 where the detection pattern has several keys a query
     */
    public record Measures(double mul, double abs) {}

    /**
     * One head.
     *
     * @param p patterns, of which the head's [query, key] begins at {@code from}
     * @param tokens the ids at the positions
     */
    static HeadDetection of(float[] p, int from, int[] tokens) {
        int n = tokens.length;
        double all = 0;
        double previous = 0;
        double[] duplicate = new double[2]; // attention on it, how many places it has
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

    /** On the detection pattern a weight is off by what it lacks to 1, elsewhere by itself. */
    private static Measures measures(double on, double places, double all, int n) {
        return new Measures(all == 0 ? 0 : on / all, 1 - (all - on + places - on) / n);
    }
}
