package org.llminspector.spec;

/**
 * Multi-head latent attention (MLA; DeepSeek-AI 2024, arXiv:2405.04434): keys and values are projections of one latent
 * vector per token. Only that vector and one rotated key shared by all heads are cached.
 *
 * <p>A head's key is the shared part, which RoPE turns, followed by its own, which it does not; queries likewise. So
 * {@code d_head} counts both, and {@code n_kv_heads} equals {@code n_heads}. Without RoPE nothing turns (Kimi Linear).
 *
 * @param dLatent size of the latent vector of keys and values (config {@code kv_lora_rank})
 * @param dQuery size of the latent vector of queries, or null where they are projected from the layer's input (config
 *     {@code q_lora_rank})
 * @param dValue size of a head's value (config {@code v_head_dim})
 * @param dShared size of the part of keys that all heads share (config {@code qk_rope_head_dim})
 * @param norm of both vectors
 */
public record Latent(int dLatent, Integer dQuery, int dValue, int dShared, Norm norm) {}
