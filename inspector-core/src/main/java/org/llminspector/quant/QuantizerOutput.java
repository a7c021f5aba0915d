package org.llminspector.quant;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Locale;
import org.llminspector.base.DType;
import org.llminspector.base.Problem;
import org.llminspector.base.Tensor;

/** Output arrays of a quantizer: codes, scales and zero points. */
final class QuantizerOutput {

    /** Most bytes of an array. */
    private static final long MOST = Integer.MAX_VALUE - 8;

    private final DType dtype;
    private final int scaleRows;
    /** Scales per row. */
    final int groups;
    /** [rows, cols], little-endian for 2-byte codes. */
    final byte[] codes;
    /** [rows, groups], a single one, or empty. */
    final float[] scales;
    /** As scales, or null. */
    final byte[] zeros;

    private QuantizerOutput(DType dtype, long codes, int scaleRows, int groups, boolean zeros) {
        if (codes * dtype.bytes() > MOST || (long) scaleRows * groups > MOST / Float.BYTES) {
            throw Problem.tooLarge("these are too many weights to quantize at once")
                    .expected(String.format(Locale.ROOT, "at most %,d", MOST / dtype.bytes()))
                    .found(String.format(Locale.ROOT, "%,d", codes))
                    .instead("ask for some of the rows");
        }
        this.dtype = dtype;
        this.scaleRows = scaleRows;
        this.groups = groups;
        this.codes = new byte[(int) codes * dtype.bytes()];
        this.scales = new float[scaleRows * groups];
        this.zeros = zeros ? new byte[scaleRows * groups] : null;
    }

    /** For 16-bit floats. */
    static QuantizerOutput plain(DType dtype, int rows, int cols) {
        return new QuantizerOutput(dtype, (long) rows * cols, 0, 0, false);
    }

    /** For signed codes. */
    static QuantizerOutput signed(int rows, int cols, int scaleRows, int groups) {
        return new QuantizerOutput(DType.I8, (long) rows * cols, scaleRows, groups, false);
    }

    /** For unsigned codes, with or without zero points. */
    static QuantizerOutput unsigned(int rows, int cols, int scaleRows, int groups, boolean zeros) {
        return new QuantizerOutput(DType.U8, (long) rows * cols, scaleRows, groups, zeros);
    }

    QuantizedTensor tensor(QuantScheme scheme, int cols) {
        long rows = cols == 0 ? 0 : codes.length / dtype.bytes() / cols;
        return new QuantizedTensor(
                scheme,
                Tensor.of(dtype, ByteBuffer.wrap(codes).order(ByteOrder.LITTLE_ENDIAN), rows, cols),
                groups == 0 ? null : Tensor.of(scales, scaleRows, groups),
                zeros == null ? null : Tensor.of(DType.U8, ByteBuffer.wrap(zeros), scaleRows, groups),
                null);
    }
}
