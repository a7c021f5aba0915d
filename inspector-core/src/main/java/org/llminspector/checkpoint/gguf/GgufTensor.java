package org.llminspector.checkpoint.gguf;

import java.util.ArrayList;
import java.util.List;

/**
 * Type, shape and location of a tensor in a GGUF file.
 *
 * @param shape rows first, as everywhere here (the file has columns first)
 * @param offset of its first byte in the file
 * @param bytes length in bytes
 */
public record GgufTensor(String name, GgmlType type, List<Long> shape, long offset, long bytes) {

    public GgufTensor {
        shape = List.copyOf(shape);
    }

    /** Weights per row: size of the last axis. */
    public long rowSize() {
        return shape.isEmpty() ? 1 : shape.get(shape.size() - 1);
    }

    /** Bytes of one row. */
    long rowBytes() {
        return rowSize() / type.blockSize() * type.blockBytes();
    }

    /** Indices [from, to) of the first axis, as a tensor of the same rank. */
    public GgufTensor slice(int from, int to) {
        long each = bytes / shape.get(0);
        List<Long> part = new ArrayList<>(shape);
        part.set(0, (long) to - from);
        return new GgufTensor(name, type, part, offset + from * each, (to - from) * each);
    }

    /** Index i of the first axis, without that axis. */
    public GgufTensor part(int i) {
        GgufTensor slice = slice(i, i + 1);
        return new GgufTensor(name, type, shape.subList(1, shape.size()), slice.offset, slice.bytes);
    }

    /** The same as a matrix, with all axes but the last merged. */
    public GgufTensor matrix() {
        return shaped(List.of(elements() / rowSize(), rowSize()));
    }

    /** The same with another shape, whose last axis must have the same size. */
    public GgufTensor shaped(List<Long> axes) {
        return new GgufTensor(name, type, axes, offset, bytes);
    }

    public long elements() {
        long n = 1;
        for (long d : shape) n *= d;
        return n;
    }
}
