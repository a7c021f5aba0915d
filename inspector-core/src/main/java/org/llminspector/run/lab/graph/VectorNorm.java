package org.llminspector.run.lab.graph;

import org.llminspector.spec.Norm;

/** A norm of one vector, forward and backward, in plain arrays. */
public final class VectorNorm {

    private final Norm norm;
    private final float[] weight; // null for ones
    private final float[] bias; // null for none

    /** @param norm null for none: the identity */
    public VectorNorm(Norm norm, float[] weight, float[] bias) {
        this.norm = norm;
        this.weight = weight;
        this.bias = bias;
    }

    /** The norm of n values of x, written to y; what it divides by is returned. */
    public double apply(float[] x, int from, int n, int weightFrom, float[] y, int to) {
        double scale = scale(x, from, n);
        frozen(x, from, n, weightFrom, y, to, scale);
        return scale;
    }

    /** What it divides n values of x by. */
    public double scale(float[] x, int from, int n) {
        if (norm == null) return 1;
        double mean = centred() ? mean(x, from, n) : 0;
        double squares = 0;
        for (int i = 0; i < n; i++) squares += (x[from + i] - mean) * (x[from + i] - mean);
        return Math.sqrt(squares / n + norm.eps());
    }

    /** The norm with another vector's divisor: an affine function of x. */
    public void frozen(float[] x, int from, int n, int weightFrom, float[] y, int to, double scale) {
        if (norm == null) {
            System.arraycopy(x, from, y, to, n);
            return;
        }
        double mean = centred() ? mean(x, from, n) : 0;
        for (int i = 0; i < n; i++) {
            double v = (x[from + i] - mean) / scale;
            if (weight != null) v *= weight[weightFrom + i];
            if (bias != null) v += bias[weightFrom + i];
            y[to + i] = (float) v;
        }
    }

    /** The gradient by x of a number whose gradient by the norm's output is g, added to out. */
    public void back(float[] x, int from, int n, int weightFrom, float[] g, int gFrom, float[] out, int to) {
        if (norm == null) {
            for (int i = 0; i < n; i++) out[to + i] += g[gFrom + i];
            return;
        }
        double mean = centred() ? mean(x, from, n) : 0;
        double squares = 0;
        double along = 0;
        double total = 0;
        for (int i = 0; i < n; i++) {
            double c = x[from + i] - mean;
            double w = weight == null ? g[gFrom + i] : (double) g[gFrom + i] * weight[weightFrom + i];
            squares += c * c;
            along += w * c;
            total += w;
        }
        double scale = Math.sqrt(squares / n + norm.eps());
        double share = along / (n * scale * scale);
        double centre = centred() ? total / n : 0;
        for (int i = 0; i < n; i++) {
            double c = x[from + i] - mean;
            double w = weight == null ? g[gFrom + i] : (double) g[gFrom + i] * weight[weightFrom + i];
            out[to + i] += (float) ((w - centre - share * c) / scale);
        }
    }

    private boolean centred() {
        return norm.kind() == Norm.Kind.LAYER;
    }

    private static double mean(float[] x, int from, int n) {
        double sum = 0;
        for (int i = 0; i < n; i++) sum += x[from + i];
        return sum / n;
    }
}
