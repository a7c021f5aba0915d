package org.llminspector.quant;

import java.util.stream.IntStream;
import org.llminspector.base.Problem;
import org.llminspector.base.Tensor;

/** Quantizer is a scheme over one weight: it codes the rows that are asked for, as they are coded in the whole. */
public abstract sealed class Quantizer permits HalfQuantizer, IntQuantizer, NormalQuantizer {

    /** Weights that one thread takes at a time. */
    private static final int BAND = 1 << 16;

    private final QuantScheme scheme;
    private final Tensor weights;
    private final String where;
    private final int limitBits;
    private final int rows;
    private final int cols;

    /** @param limit the largest absolute weight that the scheme can take */
    Quantizer(QuantScheme scheme, Tensor weights, String where, float limit) {
        this.limitBits = Float.floatToRawIntBits(limit);
        this.scheme = scheme;
        this.weights = weights;
        this.where = where;
        long[] shape = weights.shape();
        this.cols = shape.length == 0 ? 1 : Math.toIntExact(shape[shape.length - 1]);
        this.rows = cols == 0 ? 0 : Math.toIntExact(weights.size() / cols);
    }

    public QuantScheme scheme() {
        return scheme;
    }

    public int rows() {
        return rows;
    }

    public int cols() {
        return cols;
    }

    /** The weights themselves, as float32: rows [from, from + n) into the beginning of {@code out}. */
    public void values(int from, int n, float[] out) {
        weights.toFloats((long) from * cols, out, n * cols);
    }

    /** Rows [from, to). */
    public QuantizedTensor rows(int from, int to) {
        int n = to - from;
        Coded coded = room(n);
        bands(n, (first, count, values) -> {
            values(from + first, count, values);
            for (int r = 0; r < count; r++) row(values, r * cols, from + first + r, coded, first + r);
        });
        return coded.tensor(scheme, cols);
    }

    /** Codes row {@code row} of the weight, which lies in {@code values} from {@code at} on, into {@code to}'s row. */
    abstract void row(float[] values, int at, int row, Coded to, int toRow);

    /** Room for this many rows. */
    abstract Coded room(int rows);

    /** Work on some rows, whose values are a scratch array of the thread's. */
    @FunctionalInterface
    interface Band {
        void rows(int first, int count, float[] scratch);
    }

    /** Runs over n rows on all cores, a band at a time. */
    final void bands(int n, Band work) {
        if (cols == 0 || n == 0) return;
        int band = Math.max(1, BAND / cols);
        IntStream bands = IntStream.range(0, (n + band - 1) / band);
        (n > band ? bands.parallel() : bands).forEach(b -> {
            int count = Math.min(band, n - b * band);
            work.rows(b * band, count, new float[count * cols]);
        });
    }

    /** The largest absolute value of some weights; one that the scheme cannot take is refused. */
    final float maxAbs(float[] values, int at, int n, int row, int col) {
        int max = 0;
        for (int i = at; i < at + n; i++) max = Math.max(max, Float.floatToRawIntBits(values[i]) & 0x7FFFFFFF);
        if (max > limitBits) refuse(values, at, n, row, col);
        return Float.intBitsToFloat(max);
    }

    private void refuse(float[] values, int at, int n, int row, int col) {
        int i = 0;
        while (i < n - 1 && (Float.floatToRawIntBits(values[at + i]) & 0x7FFFFFFF) <= limitBits) i++;
        float found = values[at + i];
        String place = weights.rank() < 2 ? "[" + (col + i) + "]" : "[" + row + ", " + (col + i) + "]";
        throw Problem.unsupported(
                        Float.isFinite(found)
                                ? "a weight does not fit " + scheme.name()
                                : "a weight that is not a finite number cannot be quantized")
                .where(where + place)
                .expected("absolute values up to " + Float.intBitsToFloat(limitBits))
                .found(found)
                .instead(Float.isFinite(found) ? "choose another scheme" : "the file is damaged, or training diverged");
    }
}
