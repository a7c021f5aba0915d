package org.llminspector.spec;

/**
 * Alternating updates (Baykal et al. 2023; Gemma 3n): the residual stream has several forms, of which a layer computes
 * with the first. Before it each form is predicted as a mixture of all; after it each takes a share of what the first
 * form's prediction missed.
 *
 * <p>{@code p = x + C x} with C of {@code tanh(router(norm(x_0) / d_model))}; {@code x' = p + (layer(p_0) - p_0)(c +
 * 1)} with c of the same function of {@code layer(p_0)}. The unembedding reads the mean of the forms.
 *
 * @param forms their number (config {@code altup_num_inputs})
 * @param norm of what the router reads
 * @param scaled whether the first form is multiplied by a learned vector before the per-layer inputs' gate reads it
 *     (config {@code altup_correct_scale})
 */
public record AltUp(int forms, Norm norm, boolean scaled) {}
