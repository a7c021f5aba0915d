package org.llminspector.checkpoint;

import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Function;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.llminspector.base.Bytes;
import org.llminspector.base.DType;
import org.llminspector.base.Problem;
import org.llminspector.base.Tensor;
import org.llminspector.checkpoint.gguf.GgmlType;

/**
 * MXFP4 tensors of a safetensors checkpoint, each stored as two: {@code NAME_blocks} U8 [.., groups, 16] with two 4-bit
 * weights per byte, low half first, and {@code NAME_scales} U8 [.., groups] with a power of two per 32 weights.
 *
 * <p>Together they form the tensor NAME [.., 32 groups]. Source: OCP Microscaling Formats 1.0; transformers'
 * integrations/mxfp4.py.
 */
final class PackedTensors {

    private static final String BLOCKS = "_blocks";
    private static final String SCALES = "_scales";
    private static final int GROUP = 32;
    /** Values of the 4-bit floats (E2M1: sign, two exponent bits, one mantissa bit). */
    private static final float[] LEVELS = {0, 0.5f, 1, 1.5f, 2, 3, 4, 6, -0f, -0.5f, -1, -1.5f, -2, -3, -4, -6};
    /** Bias of the scale's exponent. */
    private static final int BIAS = 127;

    private record Pair(TensorInfo blocks, TensorInfo scales, TensorInfo whole) {}

    private final Map<String, Pair> pairs = new HashMap<>();

    /** @param tensors of all files; each pair is replaced by one tensor, in place */
    PackedTensors(Map<String, TensorInfo> tensors) {
        Map<String, TensorInfo> all = new HashMap<>(tensors);
        for (TensorInfo blocks : all.values()) {
            if (!blocks.name().endsWith(BLOCKS)) continue;
            String name = blocks.name().substring(0, blocks.name().length() - BLOCKS.length());
            TensorInfo scales = all.get(name + SCALES);
            if (scales != null && !all.containsKey(name) && fit(blocks, scales))
                pairs.put(name, new Pair(blocks, scales, whole(name, blocks, scales)));
        }
        if (pairs.isEmpty()) return;
        List<TensorInfo> order = List.copyOf(tensors.values());
        tensors.clear();
        Map<String, Pair> byPart = new HashMap<>();
        pairs.values().forEach(p -> {
            byPart.put(p.blocks().name(), p);
            byPart.put(p.scales().name(), p);
        });
        for (TensorInfo info : order) {
            Pair pair = byPart.get(info.name());
            TensorInfo put = pair == null ? info : pair.whole();
            tensors.putIfAbsent(put.name(), put);
        }
    }

    private static boolean fit(TensorInfo blocks, TensorInfo scales) {
        List<Long> shape = blocks.shape();
        return blocks.dtype() == DType.U8
                && scales.dtype() == DType.U8
                && shape.size() > 2
                && shape.get(shape.size() - 1) == GROUP / 2
                && shape.subList(0, shape.size() - 1).equals(scales.shape());
    }

    private static TensorInfo whole(String name, TensorInfo blocks, TensorInfo scales) {
        List<Long> groups = scales.shape();
        List<Long> shape = Stream.concat(
                        groups.stream().limit(groups.size() - 1L), Stream.of(GROUP * groups.get(groups.size() - 1)))
                .toList();
        return new TensorInfo(
                name,
                DType.F32,
                GgmlType.MXFP4,
                shape,
                blocks.file(),
                blocks.offset(),
                blocks.bytes() + scales.bytes());
    }

    boolean has(String name) {
        return pairs.containsKey(name);
    }

    /**
     * Decodes rows of a packed tensor, with leading axes merged into rows: {@code take} of them, every {@code step}-th
     * from {@code first} on, F32 [take, cols].
     *
     * @param files reads a tensor of a file
     */
    Tensor rows(String name, Function<TensorInfo, Tensor> files, int first, int step, int take) {
        Pair pair = pairs.get(name);
        List<Long> shape = pair.whole().shape();
        int cols = Math.toIntExact(shape.get(shape.size() - 1));
        long rows = cols == 0 ? 0 : pair.whole().elements() / cols;
        if (first < 0 || step < 1 || take < 0 || (take > 0 && first + (take - 1L) * step >= rows)) {
            throw Problem.invalid("the tensor has no such rows")
                    .where(pair.whole().file() + ", tensor " + Problem.shown(name))
                    .expected("rows within " + rows)
                    .found(take + " of every " + step + " from " + first + " on");
        }
        Bytes blocks = files.apply(pair.blocks()).bytes();
        Bytes scales = files.apply(pair.scales()).bytes();
        Bytes out = Bytes.allocate((long) take * cols * Float.BYTES);
        IntStream.range(0, take).parallel().forEach(i -> {
            float[] row = decoded(blocks, scales, first + (long) i * step, cols);
            out.view((long) i * cols * Float.BYTES, (long) cols * Float.BYTES)
                    .asFloatBuffer()
                    .put(row);
        });
        return Tensor.of(DType.F32, out, take, cols);
    }

    private static float[] decoded(Bytes blocks, Bytes scales, long row, int cols) {
        byte[] codes = new byte[cols / 2];
        byte[] powers = new byte[cols / GROUP];
        blocks.get(row * codes.length, codes, 0, codes.length);
        scales.get(row * powers.length, powers, 0, powers.length);
        float[] values = new float[cols];
        for (int g = 0; g < powers.length; g++) {
            float scale = Math.scalb(1f, (powers[g] & 0xFF) - BIAS);
            for (int i = g * GROUP / 2; i < (g + 1) * GROUP / 2; i++) {
                values[2 * i] = LEVELS[codes[i] & 0xF] * scale;
                values[2 * i + 1] = LEVELS[(codes[i] >>> 4) & 0xF] * scale;
            }
        }
        return values;
    }
}
