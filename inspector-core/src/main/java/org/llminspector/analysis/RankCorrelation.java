package org.llminspector.analysis;

import java.util.Arrays;
import java.util.Comparator;
import java.util.stream.IntStream;

/** RankCorrelation says how far two lists of numbers put the same things in the same order. */
public final class RankCorrelation {

    private RankCorrelation() {}

    /**
     * Spearman's rho: Pearson's correlation of the ranks; equal numbers share the mean of theirs.
     *
     * @return -1 to 1; null where it means nothing: fewer than two things, or a list all of whose numbers are equal
     */
    public static Double spearman(double[] x, double[] y) {
        if (x.length != y.length) throw new IllegalArgumentException(x.length + " beside " + y.length);
        double[] a = ranks(x);
        double[] b = ranks(y);
        double mean = (x.length - 1) / 2.0;
        double ab = 0;
        double aa = 0;
        double bb = 0;
        for (int i = 0; i < a.length; i++) {
            ab += (a[i] - mean) * (b[i] - mean);
            aa += (a[i] - mean) * (a[i] - mean);
            bb += (b[i] - mean) * (b[i] - mean);
        }
        return aa == 0 || bb == 0 ? null : (Double) (ab / Math.sqrt(aa * bb));
    }

    /** From 0. */
    private static double[] ranks(double[] values) {
        Integer[] order = IntStream.range(0, values.length).boxed().toArray(Integer[]::new);
        Arrays.sort(order, Comparator.comparingDouble(i -> values[i]));
        double[] ranks = new double[values.length];
        for (int i = 0; i < order.length; ) {
            int end = i + 1;
            while (end < order.length && values[order[end]] == values[order[i]]) end++;
            for (int j = i; j < end; j++) ranks[order[j]] = (i + end - 1) / 2.0;
            i = end;
        }
        return ranks;
    }
}
