package org.llminspector.checkpoint;

import java.nio.file.Path;
import java.util.List;
import org.llminspector.base.DType;
import org.llminspector.checkpoint.gguf.GgmlType;

/**
 * TensorInfo is where a named tensor lies in its file.
 *
 * @param dtype its number format when it is read; F32 for blocks of quantized numbers
 * @param blocks the block format in the file, or null for plain numbers
 * @param offset of its first byte from the start of the file
 * @param bytes its length in the file
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

    /** The format in the file, as its makers write it: BF16, Q4_K. */
    public String format() {
        return blocks == null ? dtype.name() : blocks.name();
    }
}
