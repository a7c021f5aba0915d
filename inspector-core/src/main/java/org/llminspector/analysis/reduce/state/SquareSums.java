package org.llminspector.analysis.reduce.state;

import java.util.SortedMap;
import java.util.function.Function;
import org.llminspector.base.Tensor;

/** Sums of squares by channel, F64 [row, channel], with counts of vectors by row; a vector with NaN or an infinity is counted apart. */
public final class SquareSums {

    private final String at;
    private final int rows;
    private final int channels;
    private final double[] sum2; // [row, channel]
    private final long[] count; // [row]
    private final long[] nonfinite; // [row]
    private final double[] some; // of one call's vectors

    /** @param at the names' beginning, with a slash at its end */
    public SquareSums(String at, int rows, int channels) {
        this(at, rows, channels, new double[Math.multiplyExact(rows, channels)], new long[rows], new long[rows]);
    }

    private SquareSums(String at, int rows, int channels, double[] sum2, long[] count, long[] nonfinite) {
        this.at = at;
        this.rows = rows;
        this.channels = channels;
        this.sum2 = sum2;
        this.count = count;
        this.nonfinite = nonfinite;
        this.some = new double[channels];
    }

    public int rows() {
        return rows;
    }

    public int channels() {
        return channels;
    }

    /** Sums of a row, [channel]. */
    public double[] sums(int row) {
        return java.util.Arrays.copyOfRange(sum2, row * channels, (row + 1) * channels);
    }

    public long count(int row) {
        return count[row];
    }

    /** Adds {@code n} vectors of {@code x}, which follow one another from element {@code from} on. */
    public void add(int row, float[] x, int from, int n) {
        if (n <= 0) return;
        double[] squares = some;
        java.util.Arrays.fill(squares, 0);
        for (int v = 0; v < n; v++) {
            int first = from + v * channels;
            for (int c = 0; c < channels; c++) {
                double value = x[first + c];
                squares[c] += value * value;
            }
        }
        double all = 0; // of finite float32 values it is finite
        for (double s : squares) all += s;
        if (!Double.isFinite(all)) {
            if (n == 1) nonfinite[row]++;
            else for (int v = 0; v < n; v++) add(row, x, from + v * channels, 1);
            return;
        }
        int to = row * channels;
        for (int c = 0; c < channels; c++) sum2[to + c] += squares[c];
        count[row] += n;
    }

    public void write(SortedMap<String, Tensor> state) {
        state.put(at + "sum2", State.of(sum2, rows, channels));
        state.put(at + "count", State.of(count, rows));
        state.put(at + "nonfinite", State.of(nonfinite, rows));
    }

    /** Sums from a state, or null where it has none of the name. */
    public static SquareSums read(String at, Function<String, Tensor> state) {
        Tensor sums = state.apply(at + "sum2");
        if (sums == null) return null;
        long[] count = State.longs(state.apply(at + "count"), at + "count");
        long[] nonfinite = State.longs(state.apply(at + "nonfinite"), at + "nonfinite");
        double[] sum2 = State.doubles(sums, at + "sum2");
        State.same(count.length, nonfinite.length, at + "nonfinite");
        State.same(sum2.length / count.length * count.length, sum2.length, at + "sum2");
        return new SquareSums(at, count.length, sum2.length / count.length, sum2, count, nonfinite);
    }

    public void merge(SquareSums later) {
        State.same(sum2.length, later.sum2.length, at + "sum2");
        State.same(rows, later.rows, at + "count");
        for (int i = 0; i < sum2.length; i++) sum2[i] += later.sum2[i];
        State.add(count, later.count, at + "count");
        State.add(nonfinite, later.nonfinite, at + "nonfinite");
    }

    public static long bytes(long rows, long channels) {
        return rows * (channels * Double.BYTES + 2L * Long.BYTES);
    }
}
