package org.llminspector.quant;

import java.util.concurrent.atomic.AtomicIntegerArray;
import org.llminspector.base.Tensor;

/** Quantizer of {@link IntScheme}. */
final class IntQuantizer extends Quantizer {

    /** 1.5 * 2^23: adding and subtracting it rounds a float32 below 2^22 to an integer, ties to even. */
    private static final float ROUND = 0x1.8p23f;

    /** Weights above 2^127 are refused: scale times code could overflow float32. */
    private static final float LIMIT = 0x1p127f;

    private final IntScheme scheme;
    private final int high;
    private final int group;
    /** Scale and zero point of the whole tensor, for Span.TENSOR. */
    private final float tensorScale;

    private final int tensorZero;

    IntQuantizer(IntScheme scheme, Tensor weights, String where) {
        super(scheme, weights, where, LIMIT);
        this.scheme = scheme;
        this.high = scheme.high();
        this.group = Math.max(1, scheme.groupSize(cols()));
        boolean whole = scheme.span() == IntScheme.Span.TENSOR;
        float[] range = whole ? range() : new float[2];
        this.tensorScale = scale(range[0], range[1]);
        this.tensorZero = zero(range[0], tensorScale);
    }

    /** min(w, 0) and max(w, 0) of the whole weight. */
    private float[] range() {
        // The bits of non-negative floats have the order of their values.
        AtomicIntegerArray bits = new AtomicIntegerArray(2);
        weights.each(() -> false, (band, first, count, values) -> {
            for (int r = 0; r < count; r++) maxAbs(values, r * cols(), cols(), first + r, 0);
            int n = count * cols();
            bits.accumulateAndGet(0, Float.floatToRawIntBits(-least(values, 0, n)) & 0x7FFFFFFF, Math::max);
            bits.accumulateAndGet(1, Float.floatToRawIntBits(most(values, 0, n)), Math::max);
        });
        return new float[] {-Float.intBitsToFloat(bits.get(0)), Float.intBitsToFloat(bits.get(1))};
    }

    private static float least(float[] values, int at, int n) {
        float least = 0;
        for (int i = at; i < at + n; i++) least = Math.min(least, values[i]);
        return least;
    }

    private static float most(float[] values, int at, int n) {
        float most = 0;
        for (int i = at; i < at + n; i++) most = Math.max(most, values[i]);
        return most;
    }

    private float scale(float lo, float hi) {
        float scale = scheme.symmetric() ? Math.max(-lo, hi) / high : (float) (((double) hi - lo) / high);
        return scale < Float.MIN_NORMAL ? 0 : scale;
    }

    private int zero(float lo, float scale) {
        return scheme.symmetric() || scale == 0 ? 0 : clamp(round(-lo / scale));
    }

    private static int round(float x) {
        return (int) ((x + ROUND) - ROUND);
    }

    private int clamp(int code) {
        return Math.max(0, Math.min(high, code));
    }

    @Override
    QuantizerOutput room(int n) {
        boolean whole = scheme.span() == IntScheme.Span.TENSOR;
        int scaleRows = whole ? 1 : n;
        int groups = (cols() + group - 1) / group;
        QuantizerOutput room = scheme.symmetric()
                ? QuantizerOutput.signed(n, cols(), scaleRows, groups)
                : QuantizerOutput.unsigned(n, cols(), scaleRows, groups, true);
        if (whole && groups > 0) {
            room.scales[0] = tensorScale;
            if (room.zeros != null) room.zeros[0] = (byte) tensorZero;
        }
        return room;
    }

    @Override
    void row(float[] values, int at, int row, QuantizerOutput to, int toRow) {
        for (int g = 0; g < to.groups; g++) {
            int from = g * group;
            int n = Math.min(group, cols() - from);
            float max = maxAbs(values, at + from, n, row, from);
            float scale = tensorScale;
            int zero = tensorZero;
            if (scheme.span() != IntScheme.Span.TENSOR) {
                float lo = scheme.symmetric() ? -max : least(values, at + from, n);
                scale = scale(lo, scheme.symmetric() ? max : most(values, at + from, n));
                zero = zero(lo, scale);
                int i = toRow * to.groups + g;
                to.scales[i] = scale;
                if (!scheme.symmetric()) to.zeros[i] = (byte) zero;
            }
            if (scale != 0) codes(values, at + from, n, scale, zero, to.codes, toRow * cols() + from);
        }
    }

    private void codes(float[] values, int at, int n, float scale, int zero, byte[] codes, int to) {
        if (scheme.symmetric()) {
            // |w / scale| rounds to at most `high`: scale is max / high up to one rounding.
            for (int i = 0; i < n; i++) codes[to + i] = (byte) round(values[at + i] / scale);
        } else {
            for (int i = 0; i < n; i++) codes[to + i] = (byte) clamp(round(values[at + i] / scale) + zero);
        }
    }
}
