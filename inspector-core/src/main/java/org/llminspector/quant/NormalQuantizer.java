package org.llminspector.quant;

import org.llminspector.base.Tensor;

/** Quantizer of {@link NormalFloat}. */
final class NormalQuantizer extends Quantizer {

    private final int block;

    NormalQuantizer(NormalFloat scheme, Tensor weights, String where) {
        super(scheme, weights, where, Float.MAX_VALUE);
        this.block = scheme.block();
    }

    @Override
    QuantizerOutput room(int n) {
        return QuantizerOutput.unsigned(n, cols(), n, (cols() + block - 1) / block, false);
    }

    @Override
    void row(float[] values, int at, int row, QuantizerOutput to, int toRow) {
        for (int g = 0; g < to.groups; g++) {
            int from = g * block;
            int n = Math.min(block, cols() - from);
            float max = maxAbs(values, at + from, n, row, from);
            float scale = max < Float.MIN_NORMAL ? 0 : max;
            to.scales[toRow * to.groups + g] = scale;
            for (int i = 0; i < n; i++) {
                to.codes[toRow * cols() + from + i] =
                        (byte) (scale == 0 ? NormalFloat.ZERO : NormalFloat.code(values[at + from + i] / scale));
            }
        }
    }
}
