package org.llminspector.engine;

import org.llminspector.spec.Reach;
import org.llminspector.spec.Rope;
import org.llminspector.spec.RopeFrequencies;

/** Tables that depend on a token's position: RoPE's cos and sin, and the causal mask. */
public final class PositionTables {

    private PositionTables() {}

    /**
     * cos and sin of the rotation angles of each pair, times RoPE's attention factor.
     *
     * @param frequencies angle per position, [dims / 2]
     * @return {cos, sin}, each [count, dims / 2]
     */
    public static float[][] angles(Rope rope, float[] frequencies, int start, int count) {
        float attentionFactor = RopeFrequencies.attentionFactor(rope);
        int half = frequencies.length;
        float[] cos = new float[count * half];
        float[] sin = new float[count * half];
        for (int p = 0; p < count; p++) {
            for (int i = 0; i < half; i++) {
                float angle = (start + p) * frequencies[i];
                cos[p * half + i] = (float) Math.cos(angle) * attentionFactor;
                sin[p * half + i] = (float) Math.sin(angle) * attentionFactor;
            }
        }
        return new float[][] {cos, sin};
    }

    /**
     * The tables for {@code x cos + (second half, first half) sin} over positions [start, start + count).
     *
     * @return {cos, sin}, each [count, dims]; sin is negative in the first half
     */
    public static float[][] inHalves(Rope rope, int start, int count) {
        float[][] angles = angles(rope, RopeFrequencies.perPosition(rope, start + count), start, count);
        int half = rope.rotaryDims() / 2;
        float[] cos = new float[count * rope.rotaryDims()];
        float[] sin = new float[count * rope.rotaryDims()];
        for (int p = 0; p < count; p++) {
            for (int i = 0; i < half; i++) {
                int at = p * rope.rotaryDims() + i;
                cos[at] = cos[at + half] = angles[0][p * half + i];
                sin[at + half] = angles[1][p * half + i];
                sin[at] = -sin[at + half];
            }
        }
        return new float[][] {cos, sin};
    }

    /**
     * The causal mask: 0 where a query may attend to a key, -inf elsewhere.
     *
     * @return [count, start + count]
     */
    public static float[] mask(Reach reach, int start, int count) {
        int keys = start + count;
        float[] mask = new float[count * keys];
        for (int q = 0; q < count; q++) {
            int first = reach.first(start + q);
            for (int k = 0; k < keys; k++) {
                boolean visible = k <= start + q && k >= first;
                mask[q * keys + k] = visible ? 0f : Float.NEGATIVE_INFINITY;
            }
        }
        return mask;
    }
}
