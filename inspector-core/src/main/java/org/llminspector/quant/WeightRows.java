package org.llminspector.quant;

import java.util.concurrent.CancellationException;
import java.util.function.BooleanSupplier;
import java.util.stream.IntStream;
import org.llminspector.base.Tensor;

/** A weight as rows of float32, read a band of rows at a time on all cores. */
final class WeightRows {

    /** Weights per band. */
    private static final int BAND = 1 << 16;

    /** A thread's reused buffer for a band; work on a band must not start another on the same thread. */
    private static final ThreadLocal<float[]> VALUES = ThreadLocal.withInitial(() -> new float[BAND]);

    private final Tensor weights;
    private final String where;
    final int rows;
    final int cols;
    /** Rows per band. */
    private final int band;

    WeightRows(Tensor weights, String where) {
        this.weights = weights;
        this.where = where;
        long[] shape = weights.shape();
        this.cols = shape.length == 0 ? 1 : Math.toIntExact(shape[shape.length - 1]);
        this.rows = cols == 0 ? 0 : Math.toIntExact(weights.size() / cols);
        this.band = Math.max(1, BAND / Math.max(1, cols));
    }

    long size() {
        return weights.size();
    }

    /** Reads rows [from, from + n) into the beginning of {@code out}. */
    void read(int from, int n, float[] out) {
        weights.toFloats((long) from * cols, out, n * cols);
    }

    /** A weight's position, for messages. */
    String place(int row, int col) {
        return where + (weights.rank() < 2 ? "[" + col + "]" : "[" + row + ", " + col + "]");
    }

    int bands() {
        return cols == 0 ? 0 : (rows + band - 1) / band;
    }

    /** Work on rows [first, first + count), whose values are at the beginning of {@code values}. */
    @FunctionalInterface
    interface Band {
        void rows(int number, int first, int count, float[] values);
    }

    /** Visits all rows; {@code cancelled} is checked before each band. */
    void each(BooleanSupplier cancelled, Band work) {
        each(0, rows, cancelled, work);
    }

    /** Visits rows [from, to). */
    void each(int from, int to, BooleanSupplier cancelled, Band work) {
        if (cols == 0 || from >= to) return;
        IntStream numbers = IntStream.range(0, (to - from + band - 1) / band);
        (to - from > band ? numbers.parallel() : numbers).forEach(b -> {
            if (cancelled.getAsBoolean()) throw new CancellationException();
            int first = from + b * band;
            int count = Math.min(band, to - first);
            float[] values = count * cols <= BAND ? VALUES.get() : new float[count * cols];
            read(first, count, values);
            work.rows(b, first, count, values);
        });
    }
}
