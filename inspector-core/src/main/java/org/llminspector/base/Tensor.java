package org.llminspector.base;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Arrays;
import java.util.function.IntUnaryOperator;
import java.util.stream.IntStream;

/**
 * Tensor as a plain value: number format, shape, and little-endian bytes in row-major order.
 *
 * <p>It is independent of engines, whose own arrays stay inside them. The bytes may be a mapped file.
 */
public final class Tensor {

    private static final int TILE = 64;

    /** Values read at a time. */
    private static final int PIECE = 1 << 26;

    /** Largest slice that is copied onto the heap, in bytes, where the collector frees it. */
    private static final long MOST_ON_HEAP = 64 << 20;

    private final DType dtype;
    private final long[] shape;
    private final Bytes data;
    private final Lease lease; // null for no limit

    private Tensor(DType dtype, long[] shape, Bytes data, Lease lease) {
        long expected = elements(shape) * dtype.bytes();
        if (data.size() != expected) {
            throw new IllegalArgumentException("tensor " + dtype + Arrays.toString(shape) + " needs " + expected
                    + " bytes, but has " + data.size());
        }
        this.dtype = dtype;
        this.shape = shape.clone();
        this.data = data;
        this.lease = lease;
    }

    /** A tensor over these bytes, which are not copied and must not change afterwards. */
    public static Tensor of(DType dtype, ByteBuffer data, long... shape) {
        return of(dtype, Bytes.of(data), shape);
    }

    /** A tensor over these bytes, which are not copied and must not change afterwards. */
    public static Tensor of(DType dtype, Bytes data, long... shape) {
        return new Tensor(dtype, shape, data, null);
    }

    public static Tensor of(float[] values, long... shape) {
        ByteBuffer bytes = ByteBuffer.allocate(Math.multiplyExact(values.length, Float.BYTES))
                .order(ByteOrder.LITTLE_ENDIAN);
        bytes.asFloatBuffer().put(values);
        return of(DType.F32, bytes, shape);
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
        return data.size();
    }

    /** The same values under a lease; they and views of them can be read until it ends. */
    public Tensor lent(Lease lease) {
        return new Tensor(dtype, shape, data, lease);
    }

    /** A view of the bytes, little-endian, positioned at 0; only {@link #bytes} can be longer than 2 GiB. */
    public ByteBuffer data() {
        if (data.size() > Integer.MAX_VALUE) {
            throw Problem.tooLarge("the tensor is longer than 2 GiB, and is read here in one piece")
                    .found(this)
                    .instead("ask for some of its rows");
        }
        return bytes().view(0, data.size());
    }

    /** The bytes. */
    public Bytes bytes() {
        if (lease != null) lease.check();
        return data;
    }

    /** The value of element i in row-major order, decoded. */
    public double get(long i) {
        Bytes data = bytes();
        long at = i * dtype.bytes();
        return switch (dtype) {
            case F64 -> Double.longBitsToDouble(data.getLong(at));
            case F32 -> Float.intBitsToFloat(data.getInt(at));
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

    /** All values as float32, in row-major order; more than an array's maximum are refused. */
    public float[] toFloats() {
        if (size() > Integer.MAX_VALUE - 8) {
            throw Problem.tooLarge("the tensor has too many values to be read at once")
                    .expected("at most 2,147,483,639 values")
                    .found(this)
                    .instead("ask for some of its rows");
        }
        float[] out = new float[(int) size()];
        for (int i = 0; i < out.length; i += PIECE) {
            int n = Math.min(PIECE, out.length - i);
            toFloats(i, out, i, n);
        }
        return out;
    }

    /** The first {@code n} values from element {@code from} on, as float32, into the beginning of {@code out}. */
    public void toFloats(long from, float[] out, int n) {
        toFloats(from, out, 0, n);
    }

    private void toFloats(long from, float[] out, int to, int n) {
        if (dtype != DType.F32 && dtype != DType.BF16 && dtype != DType.F16) {
            for (int i = 0; i < n; i++) out[to + i] = (float) get(from + i);
            return;
        }
        ByteBuffer data = bytes().view(from * dtype.bytes(), (long) n * dtype.bytes());
        switch (dtype) {
            case F32 -> data.asFloatBuffer().get(out, to, n);
            case BF16 -> {
                for (int i = 0; i < n; i++) out[to + i] = HalfFloats.fromBf16(data.getShort(2 * i));
            }
            default -> {
                for (int i = 0; i < n; i++) out[to + i] = HalfFloats.fromF16(data.getShort(2 * i));
            }
        }
    }

    /** The values in float32, off-heap where converted; the tensor itself if it is float32. */
    public Tensor upcast() {
        return as(DType.F32);
    }

    /** The values in F32 or F16; the tensor itself if it has that format. */
    public Tensor as(DType to) {
        if (dtype == to) return this;
        Bytes out = Bytes.allocate(Math.multiplyExact(size(), to.bytes()));
        Conversion.write(this, to, out);
        return of(to, out, shape);
    }

    /** Rows [from, to) of the first axis, a view. */
    public Tensor rows(int from, int to) {
        long row = byteSize() / shape[0];
        long[] part = shape.clone();
        part[0] = (long) to - from;
        return new Tensor(dtype, part, data.slice(from * row, (to - from) * row), lease);
    }

    /** A copy with the first axis's rows reordered: row r is row {@code from(r)} of this. */
    public Tensor withRows(IntUnaryOperator from) {
        int rows = Math.toIntExact(shape[0]);
        long row = rows == 0 ? 0 : byteSize() / rows;
        Bytes out = Bytes.allocate(byteSize());
        for (int r = 0; r < rows; r++) out.view(r * row, row).put(data.view(from.applyAsInt(r) * row, row));
        return of(dtype, out, shape);
    }

    /** Drops a mapped file's pages from this process's memory until they are read again. */
    public void release() {
        data.release();
    }

    /** Frees memory that was allocated for these values at once; they and their views must not be read afterwards. */
    public void free() {
        data.free();
    }

    /** The same values in another shape, a view. */
    public Tensor reshaped(long... to) {
        return new Tensor(dtype, to, data, lease);
    }

    /** A copy of part of the tensor, one range [from, to) per axis; every axis stays. */
    public Tensor slice(int[]... ranges) {
        if (ranges.length != shape.length) throw new IllegalArgumentException("one range an axis");
        long[] part = new long[shape.length];
        boolean whole = true;
        for (int a = 0; a < part.length; a++) {
            part[a] = (long) ranges[a][1] - ranges[a][0];
            whole &= part[a] == shape[a];
        }
        if (whole) return this;
        long bytes = elements(part) * dtype.bytes();
        Bytes out = bytes <= MOST_ON_HEAP ? Bytes.of(ByteBuffer.allocate((int) bytes)) : Bytes.allocate(bytes);
        copy(0, 0, ranges, bytes(), out, 0);
        return of(dtype, out, part);
    }

    /** @return offset in {@code out} after this part */
    private long copy(int axis, long offset, int[][] ranges, Bytes data, Bytes out, long to) {
        if (axis >= shape.length - 1) {
            int first = axis == shape.length ? 0 : ranges[axis][0];
            int n = axis == shape.length ? 1 : ranges[axis][1] - first;
            long size = (long) n * dtype.bytes();
            out.view(to, size).put(data.view((offset + first) * dtype.bytes(), size));
            return to + size;
        }
        long stride = 1;
        for (int a = axis + 1; a < shape.length; a++) stride *= shape[a];
        long next = to;
        for (int i = ranges[axis][0]; i < ranges[axis][1]; i++) {
            next = copy(axis + 1, offset + i * stride, ranges, data, out, next);
        }
        return next;
    }

    /** A transposed copy of a matrix, made tile by tile on all cores. */
    public Tensor transposed() {
        if (shape.length != 2) throw new IllegalArgumentException("only a matrix can be transposed, not " + this);
        int rows = Math.toIntExact(shape[0]);
        int cols = Math.toIntExact(shape[1]);
        Bytes data = bytes();
        Bytes out = Bytes.allocate(data.size());
        IntStream.range(0, (rows + TILE - 1) / TILE).parallel().forEach(band -> {
            int first = band * TILE;
            int n = Math.min(TILE, rows - first);
            byte[] values = new byte[n * cols * dtype.bytes()];
            data.get((long) first * cols * dtype.bytes(), values, 0, values.length);
            transpose(values, n, cols, dtype.bytes(), first, rows, out);
        });
        return of(dtype, out, cols, rows);
    }

    /**
     * Writes rows of a matrix [rows, cols] into its transpose [cols, rows], tile by tile through a buffer, so that each
     * row of a tile is written at once.
     *
     * @param values rows [first, first + n)
     * @param size bytes of an element
     */
    public static void transpose(byte[] values, int n, int cols, int size, int first, long rows, Bytes out) {
        byte[] tile = new byte[TILE * TILE * size];
        for (int at = 0; at < n; at += TILE) {
            int k = Math.min(TILE, n - at);
            for (int from = 0; from < cols; from += TILE) {
                int m = Math.min(TILE, cols - from);
                for (int r = 0; r < k; r++) {
                    int row = ((at + r) * cols + from) * size;
                    for (int c = 0; c < m; c++) {
                        int to = (c * k + r) * size;
                        if (size == 1) tile[to] = values[row + c];
                        else for (int b = 0; b < size; b++) tile[to + b] = values[row + c * size + b];
                    }
                }
                for (int c = 0; c < m; c++) {
                    out.put(((from + c) * rows + first + at) * size, tile, c * k * size, k * size);
                }
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
