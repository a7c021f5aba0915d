package org.llminspector.spec;

import java.util.ArrayList;
import java.util.List;
import org.llminspector.base.HalfFloats;

/**
 * ALiBi's biases of attention scores: a head's value at the key's position minus that at the query's. Reference
 * implementations omit the latter, which is constant per query and cancels in the softmax.
 */
public final class AlibiBias {

    private AlibiBias() {}

    /**
     * ALiBi as in the paper.
     *
     * @param max 8, or MPT's {@code alibi_bias_max}
     */
    public static Alibi of(int heads, double max) {
        return new Alibi(slopes(heads, max).stream().map(Double::floatValue).toList(), 1f, false);
    }

    /**
     * 2^(-max (h + 1) / n) for n heads, a power of two; otherwise those of the lower power of two, followed by every
     * other slope of the next.
     */
    public static List<Double> slopes(int heads, double max) {
        int power = Integer.highestOneBit(heads);
        List<Double> slopes = new ArrayList<>();
        for (int h = 1; h <= power; h++) slopes.add(Math.pow(2, -max * h / power));
        for (int h = 1; slopes.size() < heads; h += 2) slopes.add(Math.pow(2, -max * h / (2 * power)));
        return slopes;
    }

    /** Every head's values at positions [from, from + count), [head, count]. */
    public static float[] at(Alibi alibi, int from, int count) {
        float[] values = new float[Math.multiplyExact(alibi.slopes().size(), count)];
        for (int h = 0; h < alibi.slopes().size(); h++) {
            for (int p = 0; p < count; p++) values[h * count + p] = one(alibi, h, from + p);
        }
        return values;
    }

    /** A head's bias of a key's score: 0 at the query itself, increasingly negative before it. */
    public static float between(Alibi alibi, int head, int query, int key) {
        return one(alibi, head, key) - one(alibi, head, query);
    }

    private static float one(Alibi alibi, int head, int position) {
        float slope = alibi.slopes().get(head);
        float value = alibi.bf16() ? rounded(rounded(slope) * position) : slope * position;
        return value * alibi.factor();
    }

    private static float rounded(float value) {
        return HalfFloats.fromBf16(HalfFloats.toBf16(value));
    }
}
