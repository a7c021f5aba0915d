package org.llminspector.base;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Arrays;

/**
 * Tensor is a plain value: a number format, a shape, and little-endian bytes in row-major order.
 *
 * <p>No engine's array ever leaves its engine; this does. The bytes may be a mapped file.
 */
public final class Tensor {

    private final DType dtype;
    private final long[] shape;
    private final ByteBuffer data;

    private Tensor(DType dtype, long[] shape, ByteBuffer data) {
        long expected = elements(shape) * dtype.bytes();
        if (data.remaining() != expected) {
            throw new IllegalArgumentException("tensor " + dtype + Arrays.toString(shape) + " needs " + expected
                    + " bytes, but has " + data.remaining());
        }
        this.dtype = dtype;
        this.shape = shape.clone();
        this.data = data.slice().order(ByteOrder.LITTLE_ENDIAN);
    }

    /** A tensor over these bytes, which are not copied and must not change afterwards. */
    public static Tensor of(DType dtype, ByteBuffer data, long... shape) {
        return new Tensor(dtype, shape, data);
    }

    public static Tensor of(float[] values, long... shape) {
        ByteBuffer bytes = ByteBuffer.allocate(Math.multiplyExact(values.length, Float.BYTES))
                .order(ByteOrder.LITTLE_ENDIAN);
        bytes.asFloatBuffer().put(values);
        return new Tensor(DType.F32, shape, bytes);
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

    /** A view of the bytes, little-endian, positioned at 0. */
    public ByteBuffer data() {
        return data.duplicate().order(ByteOrder.LITTLE_ENDIAN);
    }

    /** The value of element i in row-major order, decoded. */
    public double get(long i) {
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
        int at = Math.toIntExact(from * dtype.bytes());
        switch (dtype) {
            case F32 ->
                data().position(at)
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
        return new Tensor(DType.F32, shape, out);
    }

    /** Rows [from, to) of the first axis, a view. */
    public Tensor rows(int from, int to) {
        long row = byteSize() / shape[0];
        long[] part = shape.clone();
        part[0] = (long) to - from;
        return new Tensor(dtype, part, data.slice(Math.toIntExact(from * row), Math.toIntExact((to - from) * row)));
    }

    /** The same values in another shape, a view. */
    public Tensor reshaped(long... to) {
        return new Tensor(dtype, to, data);
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
        copy(0, 0, ranges, out);
        return new Tensor(dtype, part, out.flip());
    }

    private void copy(int axis, long offset, int[][] ranges, ByteBuffer out) {
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
        for (int i = ranges[axis][0]; i < ranges[axis][1]; i++) copy(axis + 1, offset + i * stride, ranges, out);
    }

    /** The matrix with its axes exchanged, copied block by block. */
    public Tensor transposed() {
        if (shape.length != 2) throw new IllegalArgumentException("only a matrix can be transposed, not " + this);
        int rows = Math.toIntExact(shape[0]);
        int cols = Math.toIntExact(shape[1]);
        int size = dtype.bytes();
        ByteBuffer out = ByteBuffer.allocateDirect(data.remaining()).order(ByteOrder.LITTLE_ENDIAN);
        int block = 64;
        for (int r0 = 0; r0 < rows; r0 += block) {
            for (int c0 = 0; c0 < cols; c0 += block) {
                for (int r = r0; r < Math.min(rows, r0 + block); r++) {
                    for (int c = c0; c < Math.min(cols, c0 + block); c++) {
                        int from = (r * cols + c) * size;
                        int to = (c * rows + r) * size;
                        switch (size) {
                            case 1 -> out.put(to, data.get(from));
                            case 2 -> out.putShort(to, data.getShort(from));
                            case 4 -> out.putInt(to, data.getInt(from));
                            default -> out.putLong(to, data.getLong(from));
                        }
                    }
                }
            }
        }
        return new Tensor(dtype, new long[] {cols, rows}, out);
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
