package org.llminspector.spec;

import org.llminspector.base.Built;

/**
 * MLP of a layer: {@code out(act(gate(x)) * in(x))} when gated, else {@code out(act(in(x)))}.
 *
 * @param dMlp neurons; in a mixture, those of one expert
 * @param activation the activation function
 * @param gated whether it has a gate (SwiGLU, GeGLU)
 * @param bias whether its projections have a bias, a mixture's router included
 * @param limit c of a clamped SwiGLU, {@code out(act(min(gate(x), c)) * (min(max(in(x), -c), c) + 1))}, or null
 *     (gpt-oss' {@code swiglu_limit})
 * @param experts mixture-of-experts settings, or null for a dense MLP
 * @param cutoff how many standard deviations above the mean of a token's gates a gate has to be; that threshold is
 *     subtracted from it, and what is below becomes 0, before the activation; or null (Gemma 3n's {@code
 *     activation_sparsity_pattern})
 */
@Built
public record Mlp(
        int dMlp, Activation activation, boolean gated, boolean bias, Float limit, Experts experts, Float cutoff) {

    /** Of a layer without an MLP. */
    public static final Mlp NONE = new Mlp(0, Activation.RELU, false, false);

    /** Parameters of the MLP; in a mixture, of one expert. */
    public long size(int dModel) {
        long ins = gated ? 2 : 1;
        return (ins + 1) * dMlp * dModel + (bias ? ins * dMlp + dModel : 0);
    }

    /** Without experts. */
    public Mlp(int dMlp, Activation activation, boolean gated, boolean bias) {
        this(dMlp, activation, gated, bias, null, null);
    }

    /** Without a cutoff. */
    public Mlp(int dMlp, Activation activation, boolean gated, boolean bias, Float limit, Experts experts) {
        this(dMlp, activation, gated, bias, limit, experts, null);
    }
}
