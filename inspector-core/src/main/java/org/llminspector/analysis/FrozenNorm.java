package org.llminspector.analysis;

import org.llminspector.spec.Norm;

/**
 * FrozenNorm is a norm at one position with what it divides by held fast: then it is linear, and what a sum of vectors becomes
 * is the sum of what each becomes, plus a constant.
 */
public final class FrozenNorm {

    private final Norm.Kind kind; // null: there is no norm
    private final float[] weight;
    private final float[] bias; // null: none
    private final double scale;

    /**
     * @param norm null where the model has none there: everything stays as it is
     * @param weight canonical, [d_model]; null without a norm
     * @param bias [d_model], or null
     * @param scale what it divides by here: the norm's hook_scale
     */
    public FrozenNorm(Norm norm, float[] weight, float[] bias, double scale) {
        this.kind = norm == null ? null : norm.kind();
        this.weight = weight;
        this.bias = bias;
        this.scale = scale;
    }

    /** What a part of its input becomes, [d_model]. */
    public float[] part(float[] x) {
        float[] y = new float[x.length];
        double mean = kind == Norm.Kind.LAYER ? mean(x) : 0;
        for (int i = 0; i < x.length; i++) {
            y[i] = kind == null ? x[i] : (float) ((x[i] - mean) / scale * weight[i]);
        }
        return y;
    }

    /** The product of a vector with what a part of the input becomes, in float64. */
    public double dot(float[] vector, float[] x) {
        double mean = kind == Norm.Kind.LAYER ? mean(x) : 0;
        double sum = 0;
        for (int i = 0; i < x.length; i++) {
            sum += kind == null ? (double) vector[i] * x[i] : vector[i] * ((x[i] - mean) / scale * weight[i]);
        }
        return sum;
    }

    /** The vector whose product with a part is that of {@code vector} with what the part becomes, [d_model]. */
    public float[] pulled(float[] vector) {
        if (kind == null) return vector.clone();
        float[] y = new float[vector.length];
        for (int i = 0; i < y.length; i++) y[i] = (float) (vector[i] * weight[i] / scale);
        if (kind != Norm.Kind.LAYER) return y;
        float mean = (float) mean(y);
        for (int i = 0; i < y.length; i++) y[i] -= mean;
        return y;
    }

    /** The product of a vector with what is added whatever the input is. */
    public double constant(float[] vector) {
        double sum = 0;
        for (int i = 0; bias != null && i < bias.length; i++) sum += (double) vector[i] * bias[i];
        return sum;
    }

    /** What it divides by. */
    public double scale() {
        return scale;
    }

    private static double mean(float[] x) {
        double sum = 0;
        for (float v : x) sum += v;
        return sum / x.length;
    }
}
