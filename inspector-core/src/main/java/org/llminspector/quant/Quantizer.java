package org.llminspector.quant;

import java.util.function.BooleanSupplier;
import org.llminspector.base.Problem;
import org.llminspector.base.Tensor;

/** Quantizer is a scheme over one weight: it codes the rows that are asked for, as they are coded in the whole. */
public abstract sealed class Quantizer permits HalfQuantizer, IntQuantizer, NormalQuantizer {

    private final QuantScheme scheme;
    private final int limitBits;
    final WeightRows weights;

    /** @param limit the largest absolute weight that the scheme can take */
    Quantizer(QuantScheme scheme, Tensor weights, String where, float limit) {
        this.scheme = scheme;
        this.weights = new WeightRows(weights, where);
        this.limitBits = Float.floatToRawIntBits(limit);
    }

    public QuantScheme scheme() {
        return scheme;
    }

    public int rows() {
        return weights.rows;
    }

    public int cols() {
        return weights.cols;
    }

    /** Rows [from, to). */
    public QuantizedTensor rows(int from, int to) {
        Coded coded = room(to - from);
        weights.each(from, to, () -> false, (band, first, count, values) -> {
            for (int r = 0; r < count; r++) row(values, r * cols(), first + r, coded, first + r - from);
        });
        return coded.tensor(scheme, cols());
    }

    /**
     * What the scheme loses over the whole weight, and which codes it uses.
     *
     * @param cancelled asked now and then; when true, ends with a CancellationException
     */
    public SchemeResult result(BooleanSupplier cancelled) {
        ErrorSums[] sums = new ErrorSums[weights.bands()];
        weights.each(cancelled, (band, first, count, values) -> {
            Coded coded = room(count);
            for (int r = 0; r < count; r++) row(values, r * cols(), first + r, coded, r);
            sums[band] = ErrorSums.of(values, first, coded.tensor(scheme, cols()));
        });
        return SchemeResult.of(scheme, weights, ErrorSums.total(sums));
    }

    /** Codes row {@code row} of the weight, which lies in {@code values} from {@code at} on, into {@code to}'s row. */
    abstract void row(float[] values, int at, int row, Coded to, int toRow);

    /** Room for this many rows. */
    abstract Coded room(int rows);

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
