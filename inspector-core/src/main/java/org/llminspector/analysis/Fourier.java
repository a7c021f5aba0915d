package org.llminspector.analysis;

/**
 * Discrete Fourier transform of vectors that represent the numbers 0 to p - 1: the share of their variance at each
 * frequency k (Nanda et al. 2023, <a href="https://arxiv.org/abs/2301.05217">arXiv 2301.05217</a>). A model trained on
 * modular addition uses a few such k.
 */
public final class Fourier {

    private final double[][] x; // [p, width], centred
    private final double[][] cos; // [k - 1, width], normalized: coefficients of cos(2 pi k n / p)
    private final double[][] sin;
    private final double[] shares; // [k - 1]

    private Fourier(double[][] x, double[][] cos, double[][] sin, double[] shares) {
        this.x = x;
        this.cos = cos;
        this.sin = sin;
        this.shares = shares;
    }

    /** @param vectors one per number, at least three, all of the same width */
    public static Fourier of(float[][] vectors) {
        int p = vectors.length;
        int width = vectors[0].length;
        double[][] x = new double[p][width];
        double total = 0;
        for (int j = 0; j < width; j++) {
            double mean = 0;
            for (float[] v : vectors) mean += v[j] / (double) p;
            for (int n = 0; n < p; n++) {
                x[n][j] = vectors[n][j] - mean;
                total += x[n][j] * x[n][j];
            }
        }
        int most = p / 2;
        double[][] cos = new double[most][width];
        double[][] sin = new double[most][width];
        double[] shares = new double[most];
        for (int k = 1; k <= most; k++) {
            // The basis functions are orthonormal; at half of an even p there is one, not two.
            double scale = Math.sqrt((2 * k == p ? 1.0 : 2.0) / p);
            for (int n = 0; n < p; n++) {
                double turn = 2 * Math.PI * ((long) k * n % p) / p;
                double c = scale * Math.cos(turn);
                double s = 2 * k == p ? 0 : scale * Math.sin(turn);
                for (int j = 0; j < width; j++) {
                    cos[k - 1][j] += c * x[n][j];
                    sin[k - 1][j] += s * x[n][j];
                }
            }
            double energy = dot(cos[k - 1], cos[k - 1]) + dot(sin[k - 1], sin[k - 1]);
            shares[k - 1] = total == 0 ? 0 : energy / total;
        }
        return new Fourier(x, cos, sin, shares);
    }

    /** Share of the vectors' variance at frequency k, for k from 1 to p / 2; they sum to 1. */
    public double[] shares() {
        return shares.clone();
    }

    /**
     * The vectors' coordinates in the plane of the cosine and sine directions at frequency k: a circle where no other
     * frequency contributes.
     *
     * @return [p, 2], the vectors' mean at 0
     */
    public double[][] plane(int k) {
        double[] u = cos[k - 1].clone();
        normalize(u);
        double[] v = sin[k - 1].clone();
        double along = dot(u, v);
        for (int j = 0; j < v.length; j++) v[j] -= along * u[j];
        normalize(v);
        double[][] places = new double[x.length][];
        for (int n = 0; n < places.length; n++) places[n] = new double[] {dot(x[n], u), dot(x[n], v)};
        return places;
    }

    private static void normalize(double[] v) {
        double norm = Math.sqrt(dot(v, v));
        if (norm > 0) for (int i = 0; i < v.length; i++) v[i] /= norm;
    }

    private static double dot(double[] a, double[] b) {
        double sum = 0;
        for (int i = 0; i < a.length; i++) sum += a[i] * b[i];
        return sum;
    }
}
