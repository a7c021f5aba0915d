package org.llminspector.checkpoint.gguf;

import org.llminspector.base.Tensor;

/**
 * GgufRows is rows of a matrix stored in blocks, taken apart: {@code value = scale * code + min} in float32, rounded after
 * the product and after the sum (which is left out where there are no mins).
 *
 * @param codes I8 [rows, cols]: the integers that the scale multiplies (for IQ4 the level that the 4 bits stand for)
 * @param scales F32 [rows, groups], one for {@link GgmlType#groupSize} weights
 * @param mins as scales, or null where the format has none
 */
public record GgufRows(GgmlType type, Tensor codes, Tensor scales, Tensor mins) {}
