package org.llminspector.analysis.reduce.state;

import java.util.SortedMap;
import java.util.function.Function;
import org.llminspector.base.Parallel;
import org.llminspector.base.Tensor;

/**
 * Mean of vectors and sums of products of their deviations from it, merged by Chan, Golub and LeVeque 1983: about its own mean
 * for each window, and then together.
 */
public final class CovarianceSums {

    private final int channels;
    private final double[] mean; // [channel]
    private final double[] m2; // [channel, channel], of which the part below the diagonal is not used
    private long count;
    private long nonfinite;

    public CovarianceSums(int channels) {
        this(channels, new double[channels], new double[Math.multiplyExact(channels, channels)], 0, 0);
    }

    private CovarianceSums(int channels, double[] mean, double[] m2, long count, long nonfinite) {
        this.channels = channels;
        this.mean = mean;
        this.m2 = m2;
        this.count = count;
        this.nonfinite = nonfinite;
    }

    public int channels() {
        return channels;
    }

    /** Adds rows [from, to) of x, [row, channel]. */
    public void add(float[] x, int from, int to) {
        double[] deviations = new double[Math.max(0, to - from) * channels];
        int n = 0;
        for (int p = from; p < to; p++) {
            double all = 0;
            for (int c = 0; c < channels; c++) {
                deviations[n * channels + c] = x[p * channels + c];
                all += x[p * channels + c];
            }
            if (Double.isFinite(all)) n++;
            else nonfinite++;
        }
        if (n == 0) return;
        double[] own = new double[channels];
        for (int r = 0; r < n; r++) for (int c = 0; c < channels; c++) own[c] += deviations[r * channels + c];
        for (int c = 0; c < channels; c++) own[c] /= n;
        for (int r = 0; r < n; r++) for (int c = 0; c < channels; c++) deviations[r * channels + c] -= own[c];
        int rows = n;
        double[] products = new double[channels * channels];
        Parallel.each(channels, i -> {
            for (int r = 0; r < rows; r++) {
                double d = deviations[r * channels + i];
                for (int j = i; j < channels; j++) products[i * channels + j] += d * deviations[r * channels + j];
            }
        });
        merge(own, products, n);
    }

    private void merge(double[] laterMean, double[] laterM2, long n) {
        if (n == 0) return;
        long before = count;
        count += n;
        if (before == 0) {
            System.arraycopy(laterMean, 0, mean, 0, channels);
            System.arraycopy(laterM2, 0, m2, 0, m2.length);
            return;
        }
        double share = (double) n / count;
        double[] difference = new double[channels];
        for (int c = 0; c < channels; c++) difference[c] = laterMean[c] - mean[c];
        for (int i = 0; i < channels; i++) {
            mean[i] += difference[i] * share;
            double factor = difference[i] * before * share;
            for (int j = i; j < channels; j++) {
                int at = i * channels + j;
                m2[at] += laterM2[at] + factor * difference[j];
            }
        }
    }

    public void merge(CovarianceSums later, String at) {
        State.same(channels, later.channels, at);
        merge(later.mean, later.m2, later.count);
        nonfinite += later.nonfinite;
    }

    public void write(String at, SortedMap<String, Tensor> state) {
        double[] whole = m2.clone();
        for (int i = 0; i < channels; i++)
            for (int j = 0; j < i; j++) whole[i * channels + j] = whole[j * channels + i];
        state.put(at + "count", State.of(new long[] {count}, 1));
        state.put(at + "nonfinite", State.of(new long[] {nonfinite}, 1));
        state.put(at + "mean", State.of(mean, channels));
        state.put(at + "m2", State.of(whole, channels, channels));
    }

    /** Sums from a state, or null where it has none of the name. */
    public static CovarianceSums read(String at, Function<String, Tensor> state) {
        Tensor means = state.apply(at + "mean");
        if (means == null) return null;
        double[] mean = State.doubles(means, at + "mean");
        double[] m2 = State.doubles(state.apply(at + "m2"), at + "m2");
        State.same(mean.length * mean.length, m2.length, at + "m2");
        long[] count = State.longs(state.apply(at + "count"), at + "count");
        long[] nonfinite = State.longs(state.apply(at + "nonfinite"), at + "nonfinite");
        return new CovarianceSums(mean.length, mean, m2, count[0], nonfinite[0]);
    }
}
