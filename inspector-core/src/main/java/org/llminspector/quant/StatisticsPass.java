package org.llminspector.quant;

import java.util.ArrayList;
import java.util.List;
import org.llminspector.base.Problem;

/** First pass of {@link WeightStatistics}: range, sum, channel maxima, unique values. */
final class StatisticsPass {

    private final WeightRows weights;
    final UniqueFloats unique = new UniqueFloats();
    final float[] rowMax;
    private final float[] columnMax;
    private final double[] sums;
    private final float[] min;
    private final float[] max;

    StatisticsPass(WeightRows weights) {
        this.weights = weights;
        this.rowMax = new float[weights.rows];
        this.columnMax = new float[weights.cols];
        this.sums = new double[weights.bands()];
        this.min = new float[weights.bands()];
        this.max = new float[weights.bands()];
    }

    void band(int number, int first, int count, float[] values) {
        float least = Float.POSITIVE_INFINITY;
        float most = Float.NEGATIVE_INFINITY;
        double sum = 0;
        float[] columns = new float[weights.cols];
        for (int r = 0; r < count; r++) {
            float row = 0;
            for (int c = 0; c < weights.cols; c++) {
                float v = values[r * weights.cols + c];
                if (!Float.isFinite(v)) {
                    throw Problem.unsupported("a weight is not a finite number")
                            .where(weights.place(first + r, c))
                            .found(v)
                            .instead("the file is damaged, or training diverged");
                }
                unique.add(v);
                sum += v;
                least = Math.min(least, v);
                most = Math.max(most, v);
                float a = Math.abs(v);
                row = Math.max(row, a);
                columns[c] = Math.max(columns[c], a);
            }
            rowMax[first + r] = row;
        }
        sums[number] = sum;
        min[number] = least;
        max[number] = most;
        synchronized (columnMax) {
            for (int c = 0; c < columns.length; c++) columnMax[c] = Math.max(columnMax[c], columns[c]);
        }
    }

    float[] columnMax() {
        synchronized (columnMax) {
            return columnMax.clone();
        }
    }

    double sum() {
        double all = 0;
        for (double s : sums) all += s;
        return all;
    }

    float min() {
        float least = min.length == 0 ? 0 : min[0];
        for (float m : min) least = Math.min(least, m);
        return least;
    }

    float max() {
        float most = max.length == 0 ? 0 : max[0];
        for (float m : max) most = Math.max(most, m);
        return most;
    }

    /** Second pass: histogram, zeros and variance. */
    static final class Shape {

        private final WeightRows weights;
        private final double min;
        private final double width;
        private final double mean;
        private final long[][] counts;
        private final long[] zeros;
        private final double[] squares;

        Shape(WeightRows weights, float min, float max, double mean) {
            this.weights = weights;
            this.min = min;
            this.width = ((double) max - min) / WeightStatistics.BINS;
            this.mean = mean;
            this.counts = new long[weights.bands()][WeightStatistics.BINS];
            this.zeros = new long[weights.bands()];
            this.squares = new double[weights.bands()];
        }

        void band(int number, int first, int count, float[] values) {
            long[] bins = counts[number];
            double sum = 0;
            long zero = 0;
            for (int i = 0; i < count * weights.cols; i++) {
                double v = values[i];
                int bin = width == 0 ? 0 : (int) Math.min(WeightStatistics.BINS - 1, (v - min) / width);
                bins[bin]++;
                sum += (v - mean) * (v - mean);
                if (v == 0) zero++;
            }
            zeros[number] = zero;
            squares[number] = sum;
        }

        List<Long> histogram() {
            List<Long> all = new ArrayList<>();
            for (int b = 0; b < WeightStatistics.BINS; b++) {
                long n = 0;
                for (long[] bins : counts) n += bins[b];
                all.add(n);
            }
            return all;
        }

        long zeros() {
            long all = 0;
            for (long z : zeros) all += z;
            return all;
        }

        double squares() {
            double all = 0;
            for (double s : squares) all += s;
            return all;
        }
    }
}
