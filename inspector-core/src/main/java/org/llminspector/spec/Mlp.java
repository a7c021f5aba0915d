package org.llminspector.spec;

/**
 * Mlp is one layer's feed-forward part: {@code out(act(gate(x)) * in(x))} when gated, else {@code out(act(in(x)))}.
 *
 * @param dMlp neurons
 * @param activation the non-linearity
 * @param gated whether a second projection is multiplied in (SwiGLU, GeGLU)
 * @param bias whether its projections have a bias
 */
public record Mlp(int dMlp, Activation activation, boolean gated, boolean bias) {}
