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
 * PackedTensors are the tensors that a safetensors checkpoint has in MXFP4, in two: {@code NAME_blocks} U8 [.., groups, 16], a
 * weight in four bits, the lower four first, and {@code NAME_scales} U8 [.., groups], a power of two for each 32 weights.
 *
 * <p>Together they are the tensor NAME [.., 32 groups]. Source: OCP Microscaling Formats 1.0; transformers' integrations/mxfp4.py.
 */
final class PackedTensors {

    private static final String BLOCKS = "_blocks";
    private static final String SCALES = "_scales";
    private static final int GROUP = 32;
    /** What four bits stand for: a sign, two bits of exponent, one of mantissa. */
    private static final float[] LEVELS = {0, 0.5f, 1, 1.5f, 2, 3, 4, 6, -0f, -0.5f, -1, -1.5f, -2, -3, -4, -6};
    /** A scale's byte less this is the power of two. */
    private static final int BIAS = 127;

    private record Pair(TensorInfo blocks, TensorInfo scales, TensorInfo whole) {}

    private final Map<String, Pair> pairs = new HashMap<>();

    /** @param tensors of all files; the pairs among them become one tensor each, in the place of their blocks */
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
     * Rows of a packed tensor, whose leading axes are rows: {@code take} of them, every step-th from {@code first} on, F32
     * [take, cols]. No others are decoded.
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
