package org.llminspector.spec;

/**
 * Latent makes a layer's keys and values of one short vector a token (multi-head latent attention, DeepSeek-AI 2024,
 * arXiv:2405.04434): the vector, and one turned key that all heads share, are all that is kept of a token.
 *
 * <p>A head's key is the shared part that turns, {@code rope().rotaryDims()} numbers, and then its own, which does not; a query the
 * same. So {@code d_head} counts both, and {@code n_kv_heads} is {@code n_heads}.
 *
 * @param dLatent size of the vector (config {@code kv_lora_rank})
 * @param dQuery size of the vector that queries are made of, or null where they are made of the layer's input (config {@code
 *     q_lora_rank})
 * @param dValue size of a head's value (config {@code v_head_dim})
 * @param norm of both vectors
 */
public record Latent(int dLatent, Integer dQuery, int dValue, Norm norm) {}
