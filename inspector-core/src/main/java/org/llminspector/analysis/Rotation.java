package org.llminspector.analysis;

import org.llminspector.spec.Rope;
import org.llminspector.spec.RopeFrequencies;

/**
 * Rotation turns the pairs of a head's vector by a position, as RoPE does (Su et al. 2021): the product of a query turned by m
 * with a key turned by n depends on m - n alone.
 */
public final class Rotation {

    private final float[] frequencies; // radians a position, [turned / 2]
    private final double attentionFactor;

    /** @param seqLen positions of the sequence, which some scalings look at */
    public Rotation(Rope rope, int seqLen) {
        this.frequencies = RopeFrequencies.perPosition(rope, seqLen);
        this.attentionFactor = RopeFrequencies.attentionFactor(rope);
    }

    /** How many pairs turn. */
    public int pairs() {
        return frequencies.length;
    }

    /** The vector as at this position, times the scaling's factor on cos and sin; what does not turn stays. */
    public float[] at(double position, float[] x) {
        float[] y = x.clone();
        turn(position, y, 0);
        return y;
    }

    /** Turns a vector that begins at {@code from}, in place. */
    public void turn(double position, float[] x, int from) {
        int half = frequencies.length;
        for (int i = 0; i < half; i++) {
            double angle = position * frequencies[i];
            double cos = Math.cos(angle) * attentionFactor;
            double sin = Math.sin(angle) * attentionFactor;
            float a = x[from + i];
            float b = x[from + i + half];
            x[from + i] = (float) (a * cos - b * sin);
            x[from + i + half] = (float) (b * cos + a * sin);
        }
    }
}
