package org.llminspector.run.models;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.llminspector.base.Tensor;
import org.llminspector.quant.SchemeInfo;

/**
 * Slice of a weight under a quantization scheme: original values, codes and decoded values.
 *
 * @param format of the tensor in its file: BF16, Q4_K
 * @param shape of the whole weight, viewed as a matrix
 * @param rows {from, to} of the slice
 * @param cols likewise
 * @param groupSize weights of a row that share a scale; 0 for 16-bit floats
 * @param firstGroup group of a row that the first scale belongs to
 * @param values F32 [rows, cols]
 * @param codes [rows, cols]
 * @param scales F32 [rows, groups of the columns], [1, 1] when the whole weight has one, or null
 * @param zeroPoints as scales, or null
 * @param mins as scales, or null
 * @param decoded F32 [rows, cols]
 * @param error F32 [rows, cols], decoded - values; null for a GGUF file's own blocks, whose originals are unknown
 */
public record WeightSlice(
        String name,
        String format,
        List<Long> shape,
        SchemeInfo scheme,
        List<Integer> rows,
        List<Integer> cols,
        int groupSize,
        int firstGroup,
        Tensor values,
        Tensor codes,
        Tensor scales,
        Tensor zeroPoints,
        Tensor mins,
        Tensor decoded,
        Tensor error) {

    public WeightSlice {
        shape = List.copyOf(shape);
        rows = List.copyOf(rows);
        cols = List.copyOf(cols);
    }

    /** The non-null tensors by name, the same names for every format. */
    public Map<String, Tensor> tensors() {
        Map<String, Tensor> all = new LinkedHashMap<>();
        put(all, "values", values);
        put(all, "codes", codes);
        put(all, "scales", scales);
        put(all, "zero_points", zeroPoints);
        put(all, "mins", mins);
        put(all, "decoded", decoded);
        put(all, "error", error);
        return all;
    }

    private static void put(Map<String, Tensor> all, String name, Tensor tensor) {
        if (tensor != null) all.put(name, tensor);
    }
}
