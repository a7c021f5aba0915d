package org.llminspector.analysis;

import org.llminspector.spec.Activation;

/** Activation functions of neurons, in float64. */
public final class NeuronFunctions {

    private NeuronFunctions() {}

    /**
     * Parameters of {@link Activation#XIELU}: above x^2 + beta x for positive x, below (e^min(x, eps) - 1 - x) + beta x
     * otherwise.
     */
    public record Xielu(double above, double below, double beta, double eps) {
        /** The activation for a pre-activation z. */
        public double of(double z) {
            return (z > 0 ? above * z * z : below * (Math.expm1(Math.min(z, eps)) - z)) + beta * z;
        }
    }

    /** The activation for a pre-activation z. */
    public static double of(Activation activation, double z) {
        return switch (activation) {
            case RELU -> Math.max(z, 0);
            case RELU_SQUARED -> z <= 0 ? 0 : z * z;
            case GELU -> z * 0.5 * (1 + erf(z / Math.sqrt(2)));
            case GELU_TANH -> 0.5 * z * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (z + 0.044715 * z * z * z)));
            case GELU_QUICK -> z / (1 + Math.exp(-1.702 * z));
            case SILU -> z / (1 + Math.exp(-z));
            case XIELU -> throw new IllegalArgumentException("its numbers are weights: see Xielu");
        };
    }

    /** 2 / sqrt(pi) times the integral of e^(-t^2) from 0 to x, by its Taylor series; beyond 5 it is 1 to 12 digits. */
    static double erf(double x) {
        double a = Math.abs(x);
        if (a > 5) return Math.signum(x);
        // e^(-x^2) sum of 2^n x^(2n+1) / (1 3 5 ... (2n+1)): every term is positive.
        double term = a;
        double sum = a;
        for (int n = 1; n < 200 && term > sum * 1e-17; n++) {
            term *= 2 * a * a / (2 * n + 1);
            sum += term;
        }
        return Math.signum(x) * 2 / Math.sqrt(Math.PI) * Math.exp(-a * a) * sum;
    }
}
