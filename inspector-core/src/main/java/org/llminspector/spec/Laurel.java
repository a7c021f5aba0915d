package org.llminspector.spec;

/**
 * Learned augmented residual (LAuReL, Menghani et al. 2024; Gemma 3n): {@code mid = (pre + attn(x) + x +
 * norm(right(left(x)))) / sqrt(2)}, x the layer's normed input.
 *
 * @param rank of the two matrices' product (config {@code laurel_rank})
 * @param norm of it
 */
public record Laurel(int rank, Norm norm) {}
