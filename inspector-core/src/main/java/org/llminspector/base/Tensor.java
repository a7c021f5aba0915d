package org.llminspector.base;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Arrays;
import java.util.stream.IntStream;

/**
 * Tensor is a plain value: a number format, a shape, and little-endian bytes in row-major order.
 *
 * <p>No engine's array ever leaves its engine; this does. The bytes may be a mapped file.
 */
public final class Tensor {

    private static final int TILE = 64;

    private final DType dtype;
    private final long[] shape;
    private final ByteBuffer data;
    private final Lease lease; // null: for ever

    private Tensor(DType dtype, long[] shape, ByteBuffer data, Lease lease) {
        long expected = elements(shape) * dtype.bytes();
        if (data.remaining() != expected) {
            throw new IllegalArgumentException("tensor " + dtype + Arrays.toString(shape) + " needs " + expected
                    + " bytes, but has " + data.remaining());
        }
        this.dtype = dtype;
        this.shape = shape.clone();
        this.data = data.slice().order(ByteOrder.LITTLE_ENDIAN);
        this.lease = lease;
    }

    /** A tensor over these bytes, which are not copied and must not change afterwards. */
    public static Tensor of(DType dtype, ByteBuffer data, long... shape) {
        return new Tensor(dtype, shape, data, null);
    }

    public static Tensor of(float[] values, long... shape) {
        ByteBuffer bytes = ByteBuffer.allocate(Math.multiplyExact(values.length, Float.BYTES))
                .order(ByteOrder.LITTLE_ENDIAN);
        bytes.asFloatBuffer().put(values);
        return new Tensor(DType.F32, shape, bytes, null);
    }

    public DType dtype() {
        return dtype;
    }

    public long[] shape() {
        return shape.clone();
    }

    public int rank() {
        return shape.length;
    }

    public long size() {
        return elements(shape);
    }

    public long byteSize() {
        return data.remaining();
    }

    /** The same values; they, and views of them, can be read until the lease ends. */
    public Tensor lent(Lease lease) {
        return new Tensor(dtype, shape, data, lease);
    }

    /** A view of the bytes, little-endian, positioned at 0. */
    public ByteBuffer data() {
        return bytes().duplicate().order(ByteOrder.LITTLE_ENDIAN);
    }

    private ByteBuffer bytes() {
        if (lease != null) lease.check();
        return data;
    }

    /** The value of element i in row-major order, decoded. */
    public double get(long i) {
        ByteBuffer data = bytes();
        int at = Math.toIntExact(i * dtype.bytes());
        return switch (dtype) {
            case F64 -> data.getDouble(at);
            case F32 -> data.getFloat(at);
            case F16 -> HalfFloats.fromF16(data.getShort(at));
            case BF16 -> HalfFloats.fromBf16(data.getShort(at));
            case F8_E4M3 -> HalfFloats.fromE4m3(data.get(at));
            case F8_E5M2 -> HalfFloats.fromE5m2(data.get(at));
            case I64 -> data.getLong(at);
            case I32 -> data.getInt(at);
            case I16 -> data.getShort(at);
            case I8 -> data.get(at);
            case U8, BOOL -> data.get(at) & 0xFF;
        };
    }

    /** All values as float32, in row-major order. */
    public float[] toFloats() {
        float[] out = new float[Math.toIntExact(size())];
        toFloats(0, out, out.length);
        return out;
    }

    /** The first {@code n} values from element {@code from} on, as float32, into the beginning of {@code out}. */
    public void toFloats(long from, float[] out, int n) {
        ByteBuffer data = data();
        int at = Math.toIntExact(from * dtype.bytes());
        switch (dtype) {
            case F32 ->
                data.position(at)
                        .slice()
                        .order(ByteOrder.LITTLE_ENDIAN)
                        .asFloatBuffer()
                        .get(out, 0, n);
            case BF16 -> {
                for (int i = 0; i < n; i++) out[i] = HalfFloats.fromBf16(data.getShort(at + 2 * i));
            }
            case F16 -> {
                for (int i = 0; i < n; i++) out[i] = HalfFloats.fromF16(data.getShort(at + 2 * i));
            }
            default -> {
                for (int i = 0; i < n; i++) out[i] = (float) get(from + i);
            }
        }
    }

    /** The values in float32, outside the heap where they have to be converted; the tensor itself when it is float32. */
    public Tensor upcast() {
        if (dtype == DType.F32) return this;
        int n = Math.toIntExact(size());
        ByteBuffer out =
                ByteBuffer.allocateDirect(Math.multiplyExact(n, Float.BYTES)).order(ByteOrder.LITTLE_ENDIAN);
        float[] part = new float[Math.min(n, 1 << 16)];
        for (int i = 0; i < n; i += part.length) {
            int count = Math.min(part.length, n - i);
            toFloats(i, part, count);
            out.asFloatBuffer().position(i).put(part, 0, count);
        }
        return of(DType.F32, out, shape);
    }

    /** Rows [from, to) of the first axis, a view. */
    public Tensor rows(int from, int to) {
        long row = byteSize() / shape[0];
        long[] part = shape.clone();
        part[0] = (long) to - from;
        return new Tensor(
                dtype, part, data.slice(Math.toIntExact(from * row), Math.toIntExact((to - from) * row)), lease);
    }

    /** The same values in another shape, a view. */
    public Tensor reshaped(long... to) {
        return new Tensor(dtype, to, data, lease);
    }

    /** The part of the tensor that the slices pick, one slice an axis, copied; every axis stays. */
    public Tensor slice(int[]... ranges) {
        if (ranges.length != shape.length) throw new IllegalArgumentException("one range an axis");
        long[] part = new long[shape.length];
        boolean whole = true;
        for (int a = 0; a < part.length; a++) {
            part[a] = (long) ranges[a][1] - ranges[a][0];
            whole &= part[a] == shape[a];
        }
        if (whole) return this;
        ByteBuffer out = ByteBuffer.allocate(Math.toIntExact(elements(part) * dtype.bytes()))
                .order(ByteOrder.LITTLE_ENDIAN);
        copy(0, 0, ranges, bytes(), out);
        return of(dtype, out.flip(), part);
    }

    private void copy(int axis, long offset, int[][] ranges, ByteBuffer data, ByteBuffer out) {
        if (axis == shape.length) {
            int at = Math.toIntExact(offset * dtype.bytes());
            out.put(data.slice(at, dtype.bytes()));
            return;
        }
        long stride = 1;
        for (int a = axis + 1; a < shape.length; a++) stride *= shape[a];
        if (axis == shape.length - 1) {
            int at = Math.toIntExact((offset + ranges[axis][0]) * dtype.bytes());
            out.put(data.slice(at, (ranges[axis][1] - ranges[axis][0]) * dtype.bytes()));
            return;
        }
        for (int i = ranges[axis][0]; i < ranges[axis][1]; i++) {
            copy(axis + 1, offset + i * stride, ranges, data, out);
        }
    }

    /** The matrix with its axes exchanged, copied tile by tile on all cores. */
    public Tensor transposed() {
        if (shape.length != 2) throw new IllegalArgumentException("only a matrix can be transposed, not " + this);
        int rows = Math.toIntExact(shape[0]);
        int cols = Math.toIntExact(shape[1]);
        ByteBuffer data = bytes();
        ByteBuffer out = ByteBuffer.allocateDirect(data.remaining()).order(ByteOrder.LITTLE_ENDIAN);
        IntStream.range(0, (rows + TILE - 1) / TILE)
                .parallel()
                .forEach(band -> transpose(data, out, band * TILE, Math.min(TILE, rows - band * TILE), rows, cols));
        return of(dtype, out, cols, rows);
    }

    /** Turns rows [first, first + n): a tile is turned apart, so that each of its rows is written at once. */
    private void transpose(ByteBuffer data, ByteBuffer out, int first, int n, int rows, int cols) {
        int size = dtype.bytes();
        byte[] row = new byte[TILE * size];
        byte[] turned = new byte[TILE * TILE * size];
        for (int from = 0; from < cols; from += TILE) {
            int m = Math.min(TILE, cols - from);
            for (int r = 0; r < n; r++) {
                data.get(((first + r) * cols + from) * size, row, 0, m * size);
                for (int c = 0; c < m; c++) {
                    int to = (c * n + r) * size;
                    if (size == 1) turned[to] = row[c];
                    else for (int b = 0; b < size; b++) turned[to + b] = row[c * size + b];
                }
            }
            for (int c = 0; c < m; c++) {
                out.put(((from + c) * rows + first) * size, turned, c * n * size, n * size);
            }
        }
    }

    public static long elements(long[] shape) {
        long n = 1;
        for (long d : shape) n = Math.multiplyExact(n, d);
        return n;
    }

    @Override
    public String toString() {
        return "Tensor(" + dtype + Arrays.toString(shape) + ")";
    }
}
