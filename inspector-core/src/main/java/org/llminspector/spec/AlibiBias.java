package org.llminspector.spec;

import java.util.ArrayList;
import java.util.List;
import org.llminspector.base.HalfFloats;

/**
 * AlibiBias computes what {@link Alibi} adds to scores: a head's value at the key's position less that at the query's own, as the
 * reference's, which leaves the second away, differ by what no softmax sees.
 */
public final class AlibiBias {

    private AlibiBias() {}

    /**
     * As the paper has it.
     *
     * @param max 8 but where MPT's {@code alibi_bias_max} says otherwise
     */
    public static Alibi of(int heads, double max) {
        return new Alibi(slopes(heads, max).stream().map(Double::floatValue).toList(), 1f, false);
    }

    /** 2^(-max (h + 1) / n) for a power of two; between two powers, every other one of the next power's fill up. */
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

    /** What a head's score of a key is raised by: nothing at the query itself, less and less before it. */
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
