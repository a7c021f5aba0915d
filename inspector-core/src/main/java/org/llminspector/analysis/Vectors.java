package org.llminspector.analysis;

/** Vector operations with sums in float64. */
public final class Vectors {

    private Vectors() {}

    /** L2 norm. */
    public static double norm(float[] x) {
        double sum = 0;
        for (float v : x) sum += (double) v * v;
        return Math.sqrt(sum);
    }

    /** a . b / (|a| |b|); 0 where either is 0. */
    public static double cosine(float[] a, float[] b) {
        double product = 0;
        for (int i = 0; i < a.length; i++) product += (double) a[i] * b[i];
        double both = norm(a) * norm(b);
        return both == 0 ? 0 : product / both;
    }

    /** The vector times a factor; the same array for null. */
    public static float[] scaled(float[] x, Float factor) {
        if (factor == null) return x;
        float[] y = new float[x.length];
        for (int i = 0; i < x.length; i++) y[i] = x[i] * factor;
        return y;
    }

    /** Index of the largest value; ties by the first. */
    public static int argmax(float[] x) {
        int best = 0;
        for (int i = 1; i < x.length; i++) if (x[i] > x[best]) best = i;
        return best;
    }
}
