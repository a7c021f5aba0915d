package org.llminspector.checkpoint.gguf;

import org.llminspector.base.Tensor;

/**
 * Unpacked rows of a block matrix: {@code value = scale * code + min} in float32, rounded after the product and after
 * the sum (omitted where there are no mins).
 *
 * @param codes I8 [rows, cols]: the integers that the scale multiplies (for IQ4 the level, not its 4-bit index)
 * @param scales F32 [rows, groups], one per {@link GgmlType#groupSize} weights
 * @param mins F32 [rows, groups], or null where the format has none
 */
public record GgufRows(GgmlType type, Tensor codes, Tensor scales, Tensor mins) {}
