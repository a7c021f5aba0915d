package org.llminspector.quant;

import java.nio.ByteBuffer;
import org.llminspector.base.Bytes;
import org.llminspector.base.DType;
import org.llminspector.base.Tensor;
import org.llminspector.checkpoint.gguf.GgufRows;

/**
 * Quantized rows of a weight: codes, and the scales, zero points and mins to decode them.
 *
 * @param codes [rows, cols], one per weight, unpacked: I8 (symmetric, GGUF), U8 (asymmetric, NF4), or the F16 or BF16
 *     itself
 * @param scales [rows, groups] F32, [1, 1] for one per tensor, null for 16-bit floats
 * @param zeroPoints U8, shaped like scales; null where the zero point is 0
 * @param mins F32, shaped like scales, added after the product; null except for some GGUF formats
 */
public record QuantizedTensor(QuantScheme scheme, Tensor codes, Tensor scales, Tensor zeroPoints, Tensor mins) {

    private static final long ON_HEAP = 64 << 20;

    public int rows() {
        return Math.toIntExact(codes.shape()[0]);
    }

    public int cols() {
        return Math.toIntExact(codes.shape()[1]);
    }

    /** Rows of a block matrix of a GGUF file. */
    public static QuantizedTensor of(GgufRows rows) {
        return new QuantizedTensor(new StoredBlocks(rows.type()), rows.codes(), rows.scales(), null, rows.mins());
    }

    /** Scales per row (0 for 16-bit floats, 1 for one per tensor). */
    public int groups() {
        return scales == null ? 0 : Math.toIntExact(scales.shape()[1]);
    }

    /** The decoded values, F32 [rows, cols]. */
    public Tensor decode() {
        long bytes = (long) rows() * cols() * Float.BYTES;
        Bytes out = bytes > ON_HEAP ? Bytes.allocate(bytes) : Bytes.of(ByteBuffer.allocate((int) bytes));
        float[] row = new float[cols()];
        long size = (long) cols() * Float.BYTES;
        for (int r = 0; r < rows(); r++) {
            decode(r, row);
            out.view(r * size, size).asFloatBuffer().put(row);
        }
        return Tensor.of(DType.F32, out, rows(), cols());
    }

    /** Decodes one row into {@code out} [cols]. */
    public void decode(int row, float[] out) {
        int cols = cols();
        if (scales == null) {
            codes.toFloats((long) row * cols, out, cols);
            return;
        }
        boolean one = scales.size() == 1;
        int groups = groups();
        ByteBuffer code = codes.bytes().view((long) row * cols, cols);
        ByteBuffer scale = perGroup(scales, one ? 0 : row, one ? 1 : groups);
        ByteBuffer zero = zeroPoints == null ? null : perGroup(zeroPoints, one ? 0 : row, one ? 1 : groups);
        ByteBuffer min = mins == null ? null : perGroup(mins, one ? 0 : row, one ? 1 : groups);
        int group = scheme.groupSize(cols);
        for (int g = 0; g < groups; g++) {
            int i = one ? 0 : g;
            float s = scale.getFloat(i * Float.BYTES);
            int to = Math.min(cols, (g + 1) * group);
            if (scheme instanceof NormalFloat) {
                for (int c = g * group; c < to; c++) out[c] = s * NormalFloat.level(code.get(c));
            } else if (min != null) {
                float m = min.getFloat(i * Float.BYTES);
                for (int c = g * group; c < to; c++) out[c] = s * code.get(c) + m;
            } else if (zero == null) {
                for (int c = g * group; c < to; c++) out[c] = s * code.get(c);
            } else {
                int z = zero.get(i) & 0xFF;
                for (int c = g * group; c < to; c++) out[c] = s * ((code.get(c) & 0xFF) - z);
            }
        }
    }

    private static ByteBuffer perGroup(Tensor t, int row, int groups) {
        int size = t.dtype().bytes() * groups;
        return t.bytes().view((long) row * size, size);
    }
}
