package org.llminspector.checkpoint;

import java.nio.file.Path;
import java.util.List;
import org.llminspector.base.DType;

/**
 * TensorInfo is where a named tensor lies in its file.
 *
 * @param offset of its first byte from the start of the file
 * @param bytes its length
 */
public record TensorInfo(String name, DType dtype, List<Long> shape, Path file, long offset, long bytes) {

    public TensorInfo {
        shape = List.copyOf(shape);
    }

    /** Number of elements. */
    public long elements() {
        return bytes / dtype.bytes();
    }
}
