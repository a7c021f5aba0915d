package org.llminspector.analysis.reduce.state;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Arrays;
import java.util.List;
import java.util.LongSummaryStatistics;
import org.llminspector.base.DType;
import org.llminspector.base.Problem;
import org.llminspector.base.Tensor;

/** Arrays as the tensors of a state, and back. */
public final class State {

    /** Types of whole numbers, the narrowest first. */
    private static final List<DType> WHOLE = List.of(DType.I8, DType.I16, DType.I32, DType.I64);

    private State() {}

    public static Tensor of(double[] values, long... shape) {
        ByteBuffer bytes = bytes(values.length, Double.BYTES);
        bytes.asDoubleBuffer().put(values);
        return Tensor.of(DType.F64, bytes, shape);
    }

    public static Tensor of(long[] values, long... shape) {
        ByteBuffer bytes = bytes(values.length, Long.BYTES);
        bytes.asLongBuffer().put(values);
        return Tensor.of(DType.I64, bytes, shape);
    }

    public static Tensor of(int[] values, long... shape) {
        ByteBuffer bytes = bytes(values.length, Integer.BYTES);
        bytes.asIntBuffer().put(values);
        return Tensor.of(DType.I32, bytes, shape);
    }

    public static Tensor of(float[] values, long... shape) {
        return Tensor.of(values, shape);
    }

    private static ByteBuffer bytes(int values, int each) {
        return ByteBuffer.allocate(Math.multiplyExact(values, each)).order(ByteOrder.LITTLE_ENDIAN);
    }

    public static double[] doubles(Tensor t, String name) {
        double[] out = new double[check(t, DType.F64, name)];
        t.data().asDoubleBuffer().get(out);
        return out;
    }

    /** Whole numbers; of a merged result they may have a narrower type. */
    public static long[] longs(Tensor t, String name) {
        if (t == null || t.dtype() != DType.I64)
            return Arrays.stream(whole(t, DType.I64, name)).asLongStream().toArray();
        long[] out = new long[Math.toIntExact(t.size())];
        t.data().asLongBuffer().get(out);
        return out;
    }

    /** Whole numbers of 32 bits or fewer. */
    public static int[] ints(Tensor t, String name) {
        return whole(t, DType.I32, name);
    }

    /** Numbers of 32 bits or fewer, or a refusal that expects {@code widest}. */
    private static int[] whole(Tensor t, DType widest, String name) {
        boolean narrow = t != null && t.dtype() != DType.I64 && WHOLE.contains(t.dtype());
        int[] out = new int[check(t, narrow ? t.dtype() : widest, name)];
        switch (t.dtype()) {
            case I32 -> t.data().asIntBuffer().get(out);
            case I16 -> Arrays.setAll(out, t.data().asShortBuffer()::get);
            default -> Arrays.setAll(out, t.data()::get);
        }
        return out;
    }

    /** Whole numbers in the narrowest type that has them all; other tensors as they are. */
    public static Tensor narrowed(Tensor t) {
        if (!WHOLE.contains(t.dtype()) || t.size() == 0) return t;
        long[] values = longs(t, "");
        LongSummaryStatistics range = Arrays.stream(values).summaryStatistics();
        for (DType to : WHOLE) {
            long least = -1L << (8 * to.bytes() - 1);
            if (range.getMin() < least || range.getMax() > ~least) continue;
            ByteBuffer bytes = bytes(values.length, to.bytes());
            for (long v : values) {
                switch (to) {
                    case I8 -> bytes.put((byte) v);
                    case I16 -> bytes.putShort((short) v);
                    case I32 -> bytes.putInt((int) v);
                    default -> bytes.putLong(v);
                }
            }
            return Tensor.of(to, bytes.flip(), t.shape());
        }
        throw new IllegalStateException("whole numbers of more than 64 bits");
    }

    public static float[] floats(Tensor t, String name) {
        float[] out = new float[check(t, DType.F32, name)];
        t.data().asFloatBuffer().get(out);
        return out;
    }

    /** Adds counts to counts. */
    public static void add(long[] to, long[] more, String name) {
        same(to.length, more.length, name);
        for (int i = 0; i < to.length; i++) to[i] += more[i];
    }

    /** Refuses a state of another size, as of another model. */
    public static void same(int expected, int found, String name) {
        if (expected == found) return;
        throw Problem.invalid("the states to be merged are of different sizes")
                .where(name)
                .expected(expected + " values")
                .found(found);
    }

    private static int check(Tensor t, DType dtype, String name) {
        if (t == null || t.dtype() != dtype) {
            throw Problem.invalid("this is no state of this reducer")
                    .where(name)
                    .expected("a tensor of " + dtype)
                    .found(t == null ? "nothing" : t);
        }
        return Math.toIntExact(t.size());
    }
}
