package org.llminspector.checkpoint.gguf;

import java.util.List;

/**
 * One unpacked block of quantized weights: {@code values[i] = scales[g] * codes[i] + mins[g]} in float32 (without the
 * last sum where there are no mins), with g = i / groupSize.
 *
 * @param tensor the tensor's name in the file
 * @param row in the file's matrix and row order
 * @param column of the block's first weight
 * @param codes [block] the integers that the scale multiplies (for IQ4 the level, not its 4-bit index)
 * @param scales [groups]
 * @param mins [groups], or empty where the format has none
 * @param values [block]
 */
public record GgufBlock(
        String tensor,
        GgmlType type,
        long row,
        long column,
        int groupSize,
        List<Integer> codes,
        List<Float> scales,
        List<Float> mins,
        List<Float> values) {

    public GgufBlock {
        codes = List.copyOf(codes);
        scales = List.copyOf(scales);
        mins = List.copyOf(mins);
        values = List.copyOf(values);
    }
}
