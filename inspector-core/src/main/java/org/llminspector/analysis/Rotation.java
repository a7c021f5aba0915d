package org.llminspector.analysis;

import org.llminspector.spec.Rope;
import org.llminspector.spec.RopeFrequencies;

/**
 * RoPE rotation of a head's vector (Su et al. 2021): the product of a query rotated by m with a key rotated by n
 * depends on m - n alone.
 */
public final class Rotation {

    private final float[] frequencies; // radians per position, [rotated dims / 2]
    private final double attentionFactor;

    /** @param seqLen positions of the sequence, which some scalings depend on */
    public Rotation(Rope rope, int seqLen) {
        this.frequencies = RopeFrequencies.perPosition(rope, seqLen);
        this.attentionFactor = RopeFrequencies.attentionFactor(rope);
    }

    /** Rotates a vector that begins at {@code from}, in place. */
    public void rotate(double position, float[] x, int from) {
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
