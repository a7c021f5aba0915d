package org.llminspector.analysis.reduce.state;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import org.llminspector.base.DType;
import org.llminspector.base.Problem;
import org.llminspector.base.Tensor;

/** Arrays as the tensors of a state, and back. */
public final class State {

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

    public static long[] longs(Tensor t, String name) {
        long[] out = new long[check(t, DType.I64, name)];
        t.data().asLongBuffer().get(out);
        return out;
    }

    public static int[] ints(Tensor t, String name) {
        int[] out = new int[check(t, DType.I32, name)];
        t.data().asIntBuffer().get(out);
        return out;
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
