package org.llminspector.family;

/** Quantiles of the standard normal distribution. */
final class NormalQuantile {

    /** Beyond it no probability of float32 differs from 0 or 1. */
    private static final double END = 9;

    private NormalQuantile() {}

    /** The x below which a share {@code p} lies, 0 &lt; p &lt; 1, by bisection. */
    static float of(double p) {
        double low = -END;
        double high = END;
        while (high - low > 1e-12) {
            double mid = (low + high) / 2;
            if (cumulative(mid) < p) low = mid;
            else high = mid;
        }
        return (float) ((low + high) / 2);
    }

    /** 1/2 + density(x) (x + x^3 / 3 + x^5 / (3 * 5) + ...) (Marsaglia 2004, Journal of Statistical Software 11:4). */
    private static double cumulative(double x) {
        double term = x;
        double sum = x;
        for (int k = 3; Math.abs(term) > 1e-17 * Math.abs(sum); k += 2) sum += term *= x * x / k;
        return 0.5 + sum * Math.exp(-x * x / 2) / Math.sqrt(2 * Math.PI);
    }
}
