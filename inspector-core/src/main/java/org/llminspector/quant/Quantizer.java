package org.llminspector.quant;

import java.util.function.BooleanSupplier;
import org.llminspector.base.Problem;
import org.llminspector.base.Tensor;

/** Quantizer of one weight under a scheme; rows can be quantized separately, with the same result as the whole. */
public abstract sealed class Quantizer permits HalfQuantizer, IntQuantizer, NormalQuantizer {

    private final QuantScheme scheme;
    private final int limitBits;
    final WeightRows weights;

    /** @param limit the largest absolute weight that the scheme accepts */
    Quantizer(QuantScheme scheme, Tensor weights, String where, float limit) {
        this.scheme = scheme;
        this.weights = new WeightRows(weights, where);
        this.limitBits = Float.floatToRawIntBits(limit);
    }

    public int rows() {
        return weights.rows;
    }

    public int cols() {
        return weights.cols;
    }

    /** Quantizes rows [from, to). */
    public QuantizedTensor rows(int from, int to) {
        QuantizerOutput coded = room(to - from);
        weights.each(from, to, () -> false, (band, first, count, values) -> {
            for (int r = 0; r < count; r++) row(values, r * cols(), first + r, coded, first + r - from);
        });
        return coded.tensor(scheme, cols());
    }

    /** The scheme's error over the whole weight, and its code counts. */
    public SchemeResult result(BooleanSupplier cancelled) {
        return result(null, cancelled);
    }

    /**
     * The same, with the error weighted too.
     *
     * @param importance mean squares of the columns' inputs, [cols], or null
     * @param cancelled polled; when true, a CancellationException is thrown
     */
    public SchemeResult result(double[] importance, BooleanSupplier cancelled) {
        if (importance != null && importance.length != cols())
            throw new IllegalArgumentException(importance.length + " mean squares of " + cols() + " columns");
        ErrorSums[] sums = new ErrorSums[weights.bands()];
        weights.each(cancelled, (band, first, count, values) -> {
            QuantizerOutput coded = room(count);
            for (int r = 0; r < count; r++) row(values, r * cols(), first + r, coded, r);
            sums[band] = ErrorSums.of(values, first, coded.tensor(scheme, cols()), importance);
        });
        return SchemeResult.of(scheme, weights, ErrorSums.total(sums));
    }

    /**
     * Quantizes row {@code row} of the weight, in {@code values} from {@code at} on, into row {@code toRow} of {@code
     * to}.
     */
    abstract void row(float[] values, int at, int row, QuantizerOutput to, int toRow);

    /** Output arrays for this many rows. */
    abstract QuantizerOutput room(int rows);

    /** The largest absolute value of some weights; throws for one above the limit. */
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
        throw Problem.unsupported(
                        Float.isFinite(found)
                                ? "a weight does not fit " + scheme.name()
                                : "a weight that is not a finite number cannot be quantized")
                .where(weights.place(row, col + i))
                .expected("absolute values up to " + Float.intBitsToFloat(limitBits))
                .found(found)
                .instead(Float.isFinite(found) ? "choose another scheme" : "the file is damaged, or training diverged");
    }
}
