package org.llminspector.run.inspect;

import java.util.Arrays;
import java.util.function.UnaryOperator;
import org.llminspector.analysis.FrozenNorm;
import org.llminspector.family.Weights;
import org.llminspector.spec.Norm;

/** A model's norms at one position, with their divisor frozen. */
public final class ModelNorms {

    private ModelNorms() {}

    /**
     * @param norm null for none
     * @param name of its weights: {@code ln_final}, {@code blocks.0.ln1}
     * @param scale the divisor
     */
    public static FrozenNorm frozen(Weights weights, Norm norm, String name, double scale) {
        if (norm == null) return new FrozenNorm(null, null, null, 1);
        float[] bias = weights.has(name + ".bias") ? weights.get(name + ".bias").toFloats() : null;
        return new FrozenNorm(norm, weight(weights, name), bias, scale);
    }

    /** Its weight, [d_model]; ones where it has none. */
    public static float[] weight(Weights weights, String name) {
        if (weights.has(name + ".weight")) return weights.get(name + ".weight").toFloats();
        float[] ones = new float[weights.spec().dModel()];
        Arrays.fill(ones, 1);
        return ones;
    }

    /** A whole norm of vectors; returns its argument itself only where there is no norm. */
    public static UnaryOperator<float[]> whole(Weights weights, Norm norm, String name) {
        if (norm == null) return x -> x;
        FrozenNorm unit = frozen(weights, norm, name, 1);
        float[] bias = weights.has(name + ".bias") ? weights.get(name + ".bias").toFloats() : null;
        return x -> {
            double scale = scale(norm, x);
            float[] y = unit.part(x);
            for (int i = 0; i < y.length; i++) y[i] = (float) (y[i] / scale) + (bias == null ? 0 : bias[i]);
            return y;
        };
    }

    /** The norm's divisor for this vector. */
    public static double scale(Norm norm, float[] x) {
        double mean = 0;
        if (norm.kind() == Norm.Kind.LAYER) {
            for (float v : x) mean += v;
            mean /= x.length;
        }
        double squares = 0;
        for (float v : x) squares += (v - mean) * (v - mean);
        return Math.sqrt(squares / x.length + norm.eps());
    }
}
