package org.llminspector.analysis;

/**
 * q . k under RoPE as a function of the distance d: the sum over rotated pairs of a cos(f d) - b sin(f d), plus the
 * product of the dimensions that are not rotated. Means of such products have the same form.
 *
 * <p>Su et al. 2021: (R_m q) . (R_n k) depends on m - n alone.
 */
public final class RotatedProduct {

    private final float[] frequencies; // radians per position
    private final double rotationFactor; // factor on the rotated part
    private final double[] a;
    private final double[] b;
    private double rest;
    private long count;

    /**
     * @param frequencies of the pairs (i, i + n); empty without rotation
     * @param attentionFactor factor on cos and sin
     */
    public RotatedProduct(float[] frequencies, double attentionFactor) {
        this.frequencies = frequencies;
        this.rotationFactor = attentionFactor * attentionFactor;
        this.a = new double[frequencies.length];
        this.b = new double[frequencies.length];
    }

    /** Adds one query and one key (or a sum of {@code keys} keys), both before rotation. */
    public void add(float[] q, int at, double[] k, int keys) {
        int half = frequencies.length;
        for (int i = 0; i < half; i++) {
            double x = q[at + i];
            double y = q[at + i + half];
            a[i] += x * k[i] + y * k[i + half];
            b[i] += y * k[i] - x * k[i + half];
        }
        for (int i = 2 * half; i < k.length; i++) rest += q[at + i] * k[i];
        count += keys;
    }

    /** The mean product at a distance, times a factor. */
    public double at(double distance, double factor) {
        double sum = rest;
        for (int i = 0; i < frequencies.length; i++) {
            double angle = frequencies[i] * distance;
            sum += rotationFactor * (a[i] * Math.cos(angle) - b[i] * Math.sin(angle));
        }
        return count == 0 ? 0 : sum * factor / count;
    }

    /** The means at distances 0 to {@code most}. */
    public double[] curve(int most, double factor) {
        double[] curve = new double[most + 1];
        for (int d = 0; d <= most; d++) curve[d] = at(d, factor);
        return curve;
    }

    /** A pair's coefficient of cos; the sine's enters with a minus sign. */
    public double cosine(int pair, double factor) {
        return count == 0 ? 0 : rotationFactor * a[pair] * factor / count;
    }

    public double sine(int pair, double factor) {
        return count == 0 ? 0 : rotationFactor * b[pair] * factor / count;
    }

    /** The mean product of the dimensions that are not rotated. */
    public double rest(double factor) {
        return count == 0 ? 0 : rest * factor / count;
    }

    /** Number of products in the mean. */
    public long count() {
        return count;
    }
}
