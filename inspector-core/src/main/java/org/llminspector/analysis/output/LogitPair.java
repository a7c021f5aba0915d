package org.llminspector.analysis.output;

import org.llminspector.base.Exp;

/**
 * Two models' next-token distributions at one position, compared in one pass over the logits and without further memory: the
 * arithmetic of {@link TokenDivergence}. Nats; float64.
 *
 * @param klAb KL(A || B)
 * @param klBa KL(B || A)
 * @param nllA -ln of A's probability of the actual next token
 * @param nllB the same for B
 * @param sameTop whether both have the same most probable token, the first of equal ones
 */
public record LogitPair(double klAb, double klBa, double nllA, double nllB, boolean sameTop) {

    /**
     * @param a logits of A, [vocab]
     * @param b logits of B, [vocab]
     * @param token the actual next id
     */
    public static LogitPair of(float[] a, float[] b, int token) {
        int topA = 0;
        int topB = 0;
        for (int v = 1; v < a.length; v++) {
            if (a[v] > a[topA]) topA = v;
            if (b[v] > b[topB]) topB = v;
        }
        double maxA = a[topA];
        double maxB = b[topB];
        double sumA = 0;
        double sumB = 0;
        double weighedA = 0; // sums of the logits' difference
        double weighedB = 0;
        for (int v = 0; v < a.length; v++) {
            double x = a[v] - maxA;
            double y = b[v] - maxB;
            double p = Exp.exp(x);
            double q = Exp.exp(y);
            sumA += p;
            sumB += q;
            if (p > 0) weighedA += p * (x - y);
            if (q > 0) weighedB += q * (y - x);
        }
        double logA = StrictMath.log(sumA);
        double logB = StrictMath.log(sumB);
        return new LogitPair(
                least(weighedA / sumA - logA + logB),
                least(weighedB / sumB - logB + logA),
                logA - (a[token] - maxA),
                logB - (b[token] - maxB),
                topA == topB);
    }

    /** 0 for what only rounding makes negative; NaN stays. */
    private static double least(double kl) {
        return kl < 0 ? 0 : kl;
    }

    /** Whether all four numbers are finite. */
    public boolean finite() {
        return Double.isFinite(klAb + klBa + nllA + nllB);
    }
}
