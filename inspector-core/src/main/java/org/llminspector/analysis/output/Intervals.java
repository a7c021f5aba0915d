package org.llminspector.analysis.output;

import java.util.Arrays;
import java.util.SplittableRandom;
import org.llminspector.base.Parallel;

/** Confidence intervals of means over a corpus whose documents, not tokens, are independent of each other. */
public final class Intervals {

    /** Resamples of the documents. */
    public static final int RESAMPLES = 2_000;

    private static final double LOW = 0.025;
    private static final double HIGH = 0.975;

    private Intervals() {}

    /**
     * A mean with its 95 % interval.
     *
     * @param low null with fewer than two documents, as {@code high}
     */
    public record Mean(double value, Double low, Double high, int documents) {}

    /**
     * Mean per token with the percentile bootstrap's interval (Efron 1979): documents are drawn with replacement, and each
     * resample's mean is the ratio of its sums. Two sides that are compared on the same tokens are paired when {@code sums} are
     * of their difference.
     *
     * @param sums of each document
     * @param counts tokens of each document; those without any are left out
     * @param seed the same gives the same interval
     * @return null without a token
     */
    public static Mean pairedBootstrap(double[] sums, long[] counts, long seed) {
        int n = 0;
        double[] s = new double[sums.length];
        long[] c = new long[sums.length];
        for (int d = 0; d < sums.length; d++) {
            if (counts[d] == 0) continue;
            s[n] = sums[d];
            c[n++] = counts[d];
        }
        if (n == 0) return null;
        double mean = Arrays.stream(s, 0, n).sum() / Arrays.stream(c, 0, n).sum();
        if (n < 2) return new Mean(mean, null, null, n);
        double[] means = new double[RESAMPLES];
        int documents = n;
        Parallel.each(
                RESAMPLES, r -> means[r] = resampled(s, c, documents, new SplittableRandom(seed * RESAMPLES + r)));
        Arrays.sort(means);
        return new Mean(mean, at(means, LOW), at(means, HIGH), n);
    }

    private static double resampled(double[] sums, long[] counts, int documents, SplittableRandom random) {
        double sum = 0;
        long count = 0;
        for (int i = 0; i < documents; i++) {
            int d = random.nextInt(documents);
            sum += sums[d];
            count += counts[d];
        }
        return sum / count;
    }

    /** The value that a share of the sorted ones does not exceed, interpolated. */
    private static double at(double[] sorted, double share) {
        double at = share * (sorted.length - 1);
        int low = (int) at;
        return sorted[low] + (at - low) * (sorted[Math.min(low + 1, sorted.length - 1)] - sorted[low]);
    }
}
