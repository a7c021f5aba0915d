package org.llminspector.quant;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.function.BooleanSupplier;
import java.util.stream.IntStream;
import org.llminspector.base.Problem;
import org.llminspector.base.Tensor;

/**
 * Statistics of a weight's values, and results of quantization schemes for it.
 *
 * @param values how many
 * @param unique exact number of distinct values
 * @param zeros how many are 0
 * @param std standard deviation
 * @param histogram counts in bins of equal width from min to max, the last one closed
 * @param rows channels by their largest absolute value: a row is one output of a Linear
 * @param columns likewise: a column is one input
 * @param importance by which errors are weighted too; null where none is asked for
 */
public record WeightStatistics(
        long values,
        long unique,
        long zeros,
        float min,
        float max,
        double mean,
        double std,
        List<Long> histogram,
        Channels rows,
        Channels columns,
        List<SchemeResult> schemes,
        Importance.From importance) {

    /** Bins of the histogram. */
    static final int BINS = 100;
    /** A channel is an outlier if its largest weight exceeds this times the channels' median. */
    static final double OUTLIER = 4;
    /** Most outliers that are listed. */
    static final int LISTED = 16;
    /** Most bins of a profile. */
    static final int PROFILE = 256;

    /**
     * @param median of the channels' largest absolute values
     * @param outliers channels whose largest is over 4 times the median
     * @param largest the channels with the largest values, at most 16
     * @param profile the largest absolute value of channels [i n / bins, (i + 1) n / bins), in at most 256 bins, one
     *     per channel for up to 256 channels
     */
    public record Channels(int count, double median, int outliers, List<Channel> largest, List<Float> profile) {
        public Channels {
            largest = List.copyOf(largest);
            profile = List.copyOf(profile);
        }

        static Channels of(float[] max) {
            float[] sorted = max.clone();
            Arrays.sort(sorted);
            int n = sorted.length;
            double median = n == 0 ? 0 : ((double) sorted[(n - 1) / 2] + sorted[n / 2]) / 2;
            int outliers = (int)
                    IntStream.range(0, n).filter(i -> max[i] > OUTLIER * median).count();
            List<Channel> largest = IntStream.range(0, n)
                    .boxed()
                    .sorted((a, b) -> Float.compare(max[b], max[a]))
                    .limit(LISTED)
                    .map(i -> new Channel(i, max[i], median == 0 ? null : max[i] / median))
                    .toList();
            return new Channels(n, median, outliers, largest, profile(max));
        }

        private static List<Float> profile(float[] max) {
            int bins = Math.min(PROFILE, max.length);
            List<Float> profile = new ArrayList<>();
            for (int b = 0; b < bins; b++) {
                float most = 0;
                int to = (int) ((b + 1L) * max.length / bins);
                for (int i = (int) ((long) b * max.length / bins); i < to; i++) most = Math.max(most, max[i]);
                profile.add(most);
            }
            return profile;
        }
    }

    /** @param ratio to the median, null when that is 0 */
    public record Channel(int index, float max, Double ratio) {}

    public WeightStatistics {
        histogram = List.copyOf(histogram);
        schemes = List.copyOf(schemes);
    }

    /** Reads the weight in several passes; refuses non-finite values. */
    public static WeightStatistics of(
            Tensor weights, String where, List<QuantScheme> schemes, BooleanSupplier cancelled) {
        return of(weights, where, schemes, null, null, cancelled);
    }

    /**
     * The same, with errors weighted too.
     *
     * @param means of the squares of the columns' inputs, or null
     * @param from where they are from, or null
     */
    public static WeightStatistics of(
            Tensor weights,
            String where,
            List<QuantScheme> schemes,
            double[] means,
            Importance.From from,
            BooleanSupplier cancelled) {
        WeightRows w = new WeightRows(weights, where);
        StatisticsPass first = new StatisticsPass(w);
        w.each(cancelled, first::band);
        float[] rows = first.rowMax;
        float[] columns = first.columnMax();
        double mean = first.sum() / Math.max(1, w.size());
        StatisticsPass.Shape shape = new StatisticsPass.Shape(w, first.min(), first.max(), mean);
        w.each(cancelled, shape::band);
        List<SchemeResult> results = new ArrayList<>();
        for (QuantScheme scheme : schemes) {
            try {
                results.add(scheme.over(weights, where).result(means, cancelled));
            } catch (Problem p) {
                results.add(SchemeResult.refused(scheme, w, p.getMessage()));
            }
        }
        return new WeightStatistics(
                w.size(),
                first.unique.count(),
                shape.zeros(),
                first.min(),
                first.max(),
                mean,
                Math.sqrt(shape.squares() / Math.max(1, w.size())),
                shape.histogram(),
                Channels.of(rows),
                Channels.of(columns),
                results,
                from);
    }
}
