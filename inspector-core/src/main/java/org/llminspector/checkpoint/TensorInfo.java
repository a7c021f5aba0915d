package org.llminspector.checkpoint;

import java.nio.file.Path;
import java.util.List;
import org.llminspector.base.DType;
import org.llminspector.checkpoint.gguf.GgmlType;

/**
 * Type, shape and location of a named tensor in its file.
 *
 * @param dtype number format after decoding; F32 for quantized blocks
 * @param blocks the block format in the file, or null for plain numbers
 * @param offset of its first byte in the file
 * @param bytes length in the file
 */
public record TensorInfo(
        String name, DType dtype, GgmlType blocks, List<Long> shape, Path file, long offset, long bytes) {

    public TensorInfo {
        shape = List.copyOf(shape);
    }

    /** A tensor of plain numbers. */
    public TensorInfo(String name, DType dtype, List<Long> shape, Path file, long offset, long bytes) {
        this(name, dtype, null, shape, file, offset, bytes);
    }

    /** Number of elements. */
    public long elements() {
        return blocks == null ? bytes / dtype.bytes() : bytes / blocks.blockBytes() * blocks.blockSize();
    }

    /** The name of the format in the file: BF16, Q4_K. */
    public String format() {
        return blocks == null ? dtype.name() : blocks.name();
    }
}
