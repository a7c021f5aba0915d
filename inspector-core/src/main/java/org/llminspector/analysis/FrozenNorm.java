package org.llminspector.analysis;

import org.llminspector.spec.Norm;

/**
 * A norm at one position with its divisor frozen, which makes it linear: the norm of a sum of vectors is the sum of
 * their {@link #part}s plus a constant.
 */
public final class FrozenNorm {

    private final Norm.Kind kind; // null without a norm
    private final float[] weight;
    private final float[] bias; // null without a bias
    private final double scale;

    /**
     * @param norm null where the model has none, which makes this the identity
     * @param weight canonical, [d_model]; null without a norm
     * @param bias [d_model], or null
     * @param scale the divisor at this position: the norm's hook_scale
     */
    public FrozenNorm(Norm norm, float[] weight, float[] bias, double scale) {
        this.kind = norm == null ? null : norm.kind();
        this.weight = weight;
        this.bias = bias;
        this.scale = scale;
    }

    /** The norm's output for a part of its input, without the bias, [d_model]. */
    public float[] part(float[] x) {
        float[] y = new float[x.length];
        double mean = kind == Norm.Kind.LAYER ? mean(x) : 0;
        for (int i = 0; i < x.length; i++) {
            y[i] = kind == null ? x[i] : (float) ((x[i] - mean) / scale * weight[i]);
        }
        return y;
    }

    /** The dot product of a vector with {@link #part} of x, in float64. */
    public double dot(float[] vector, float[] x) {
        double mean = kind == Norm.Kind.LAYER ? mean(x) : 0;
        double sum = 0;
        for (int i = 0; i < x.length; i++) {
            sum += kind == null ? (double) vector[i] * x[i] : vector[i] * ((x[i] - mean) / scale * weight[i]);
        }
        return sum;
    }

    /** The vector whose dot product with any x equals that of {@code vector} with {@link #part} of x, [d_model]. */
    public float[] pulled(float[] vector) {
        if (kind == null) return vector.clone();
        float[] y = new float[vector.length];
        for (int i = 0; i < y.length; i++) y[i] = (float) (vector[i] * weight[i] / scale);
        if (kind != Norm.Kind.LAYER) return y;
        float mean = (float) mean(y);
        for (int i = 0; i < y.length; i++) y[i] -= mean;
        return y;
    }

    /** The dot product of a vector with the norm's bias. */
    public double constant(float[] vector) {
        double sum = 0;
        for (int i = 0; bias != null && i < bias.length; i++) sum += (double) vector[i] * bias[i];
        return sum;
    }

    /** The divisor. */
    public double scale() {
        return scale;
    }

    private static double mean(float[] x) {
        double sum = 0;
        for (float v : x) sum += v;
        return sum / x.length;
    }
}
