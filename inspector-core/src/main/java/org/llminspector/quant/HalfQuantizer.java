package org.llminspector.quant;

import org.llminspector.base.DType;
import org.llminspector.base.HalfFloats;
import org.llminspector.base.Tensor;

/** Quantizer of {@link HalfScheme}. */
final class HalfQuantizer extends Quantizer {

    /** Larger values round to infinity. */
    private static final float FP16_LIMIT = Math.nextDown(65_520f);

    private static final float BF16_LIMIT = Math.nextDown(0x1.FFp127f);

    private final DType dtype;

    HalfQuantizer(HalfScheme scheme, Tensor weights, String where) {
        super(scheme, weights, where, scheme.dtype() == DType.F16 ? FP16_LIMIT : BF16_LIMIT);
        this.dtype = scheme.dtype();
    }

    @Override
    QuantizerOutput room(int n) {
        return QuantizerOutput.plain(dtype, n, cols());
    }

    @Override
    void row(float[] values, int at, int row, QuantizerOutput to, int toRow) {
        maxAbs(values, at, cols(), row, 0);
        for (int c = 0; c < cols(); c++) {
            float w = values[at + c];
            short code = dtype == DType.F16 ? HalfFloats.toF16(w) : HalfFloats.toBf16(w);
            int i = (toRow * cols() + c) * 2;
            to.codes[i] = (byte) code;
            to.codes[i + 1] = (byte) (code >>> 8);
        }
    }
}
