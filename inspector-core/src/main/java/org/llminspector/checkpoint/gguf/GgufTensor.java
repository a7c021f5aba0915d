package org.llminspector.checkpoint.gguf;

import java.util.List;

/**
 * GgufTensor is where a tensor lies in a GGUF file.
 *
 * @param shape rows first, as everywhere here (the file has it the other way round)
 * @param offset of its first byte from the start of the file
 * @param bytes its length
 */
public record GgufTensor(String name, GgmlType type, List<Long> shape, long offset, long bytes) {

    public GgufTensor {
        shape = List.copyOf(shape);
    }

    /** Weights of one row: the last axis. */
    public long rowSize() {
        return shape.isEmpty() ? 1 : shape.get(shape.size() - 1);
    }

    /** Bytes of one row. */
    long rowBytes() {
        return rowSize() / type.blockSize() * type.blockBytes();
    }

    public long elements() {
        long n = 1;
        for (long d : shape) n *= d;
        return n;
    }
}
