package org.llminspector.checkpoint.gguf;

import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.LongStream;
import org.llminspector.base.Bytes;
import org.llminspector.base.DType;
import org.llminspector.base.Tensor;

/** Decoder of quantized blocks to float32, with each product rounded separately, as in the reference. */
final class Blocks {

    /** Blocks decoded per step: enough to amortise the call, few enough to fit the CPU's cache. */
    private static final int STEP = 64;
    /** Fewest blocks for which threads pay off. */
    private static final int PARALLEL = 1 << 12;

    private Blocks() {}

    /**
     * Decodes whole blocks on all cores.
     *
     * @param in bytes of the blocks
     * @param out memory for their values
     */
    static void decode(GgmlType type, Bytes in, Bytes out) {
        long blocks = in.size() / type.blockBytes();
        LongStream all = LongStream.range(0, (blocks + STEP - 1) / STEP);
        (blocks < PARALLEL ? all : all.parallel()).forEach(step -> {
            long first = step * STEP;
            int n = (int) Math.min(STEP, blocks - first);
            byte[] bytes = new byte[n * type.blockBytes()];
            in.get(first * type.blockBytes(), bytes, 0, bytes.length);
            float[] values = new float[n * type.blockSize()];
            decode(type, bytes, n, values);
            long size = (long) values.length * Float.BYTES;
            out.view(first * type.blockSize() * Float.BYTES, size)
                    .asFloatBuffer()
                    .put(values);
        });
    }

    private static void decode(GgmlType type, byte[] bytes, int n, float[] values) {
        if (type == GgmlType.Q8_0) {
            q8(bytes, n, values);
            return;
        }
        int[] codes = new int[GgmlType.MAX_BLOCK];
        float[] scales = new float[GgmlType.MAX_GROUPS];
        float[] mins = new float[GgmlType.MAX_GROUPS];
        for (int i = 0; i < n; i++) {
            type.unpack().block(bytes, i * type.blockBytes(), codes, scales, mins);
            values(type, codes, scales, mins, values, i * type.blockSize());
        }
    }

    /** Fast path for Q8_0, the type of most large tables, whose codes are bytes. */
    private static void q8(byte[] bytes, int n, float[] values) {
        int size = GgmlType.Q8_0.blockSize();
        for (int block = 0, at = 0, out = 0; block < n; block++, at += GgmlType.Q8_0.blockBytes(), out += size) {
            float scale = Bits.f16(bytes, at);
            for (int i = 0; i < size; i++) values[out + i] = scale * bytes[at + 2 + i];
        }
    }

    private static void values(GgmlType type, int[] codes, float[] scales, float[] mins, float[] values, int at) {
        int group = type.groupSize();
        for (int g = 0; g < type.blockSize() / group; g++) {
            float scale = scales[g];
            int from = g * group;
            if (type.hasMin()) {
                float min = mins[g];
                for (int i = 0; i < group; i++) values[at + from + i] = scale * codes[from + i] + min;
            } else {
                for (int i = 0; i < group; i++) values[at + from + i] = scale * codes[from + i];
            }
        }
    }

    /** One block unpacked, for display. */
    static GgufBlock inspect(GgufTensor tensor, long row, long column, ByteBuffer block) {
        GgmlType type = tensor.type();
        byte[] bytes = new byte[type.blockBytes()];
        block.get(bytes);
        int[] codes = new int[GgmlType.MAX_BLOCK];
        float[] scales = new float[GgmlType.MAX_GROUPS];
        float[] mins = new float[GgmlType.MAX_GROUPS];
        float[] values = new float[type.blockSize()];
        type.unpack().block(bytes, 0, codes, scales, mins);
        values(type, codes, scales, mins, values, 0);
        int groups = type.blockSize() / type.groupSize();
        return new GgufBlock(
                tensor.name(),
                type,
                row,
                column,
                type.groupSize(),
                Arrays.stream(codes, 0, type.blockSize()).boxed().toList(),
                list(scales, groups),
                list(mins, type.hasMin() ? groups : 0),
                list(values, values.length));
    }

    /** Unpacks n rows, whose blocks are consecutive from the buffer's position on. */
    static GgufRows rows(GgmlType type, ByteBuffer in, int n, int cols) {
        byte[] codes = new byte[Math.multiplyExact(n, cols)];
        int groups = cols / type.groupSize();
        float[] scales = new float[n * groups];
        float[] mins = type.hasMin() ? new float[n * groups] : null;
        int[] code = new int[GgmlType.MAX_BLOCK];
        float[] scale = new float[GgmlType.MAX_GROUPS];
        float[] min = new float[GgmlType.MAX_GROUPS];
        byte[] bytes = new byte[type.blockBytes()];
        int inBlock = type.blockSize() / type.groupSize();
        boolean q8 = type == GgmlType.Q8_0;
        for (int b = 0; b < codes.length / type.blockSize(); b++) {
            in.get(bytes);
            if (q8) {
                scales[b] = Bits.f16(bytes, 0);
                System.arraycopy(bytes, 2, codes, b * 32, 32);
                continue;
            }
            type.unpack().block(bytes, 0, code, scale, min);
            for (int i = 0; i < type.blockSize(); i++) codes[b * type.blockSize() + i] = (byte) code[i];
            System.arraycopy(scale, 0, scales, b * inBlock, inBlock);
            if (mins != null) System.arraycopy(min, 0, mins, b * inBlock, inBlock);
        }
        return new GgufRows(
                type,
                Tensor.of(DType.I8, ByteBuffer.wrap(codes), n, cols),
                Tensor.of(scales, n, groups),
                mins == null ? null : Tensor.of(mins, n, groups));
    }

    private static List<Float> list(float[] values, int n) {
        List<Float> list = new ArrayList<>(n);
        for (int i = 0; i < n; i++) list.add(values[i]);
        return list;
    }
}
