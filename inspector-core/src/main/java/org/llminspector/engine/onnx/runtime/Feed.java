package org.llminspector.engine.onnx.runtime;

import ai.onnxruntime.OnnxTensor;
import ai.onnxruntime.OnnxTensorLike;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Arrays;
import java.util.HashMap;
import java.util.Map;
import org.llminspector.base.Tensor;
import org.llminspector.engine.onnx.graph.Type;

/**
 * Input tensors of a graph's passes, by name. An input's memory is reused from pass to pass while its shape stays;
 * tensors made here are freed when they are replaced or the feed is closed.
 */
public final class Feed implements AutoCloseable {

    private record Made(OnnxTensor tensor, ByteBuffer bytes) {}

    private final Map<String, OnnxTensorLike> inputs = new HashMap<>();
    private final Map<String, Made> made = new HashMap<>();

    public Map<String, OnnxTensorLike> inputs() {
        return inputs;
    }

    public void put(String name, OnnxTensorLike tensor) {
        inputs.put(name, tensor);
    }

    public void floats(String name, float[] values, long... shape) {
        bytes(name, Type.FLOAT, Float.BYTES, shape).asFloatBuffer().put(values);
    }

    public void longs(String name, long[] values, long... shape) {
        bytes(name, Type.INT64, Long.BYTES, shape).asLongBuffer().put(values);
    }

    public void number(String name, int value, long... shape) {
        bytes(name, Type.INT32, Integer.BYTES, shape).putInt(0, value);
    }

    public void booleans(String name, boolean[] values, long... shape) {
        ByteBuffer bytes = bytes(name, Type.BOOL, 1, shape);
        for (int i = 0; i < values.length; i++) bytes.put(i, (byte) (values[i] ? 1 : 0));
    }

    private ByteBuffer bytes(String name, Type type, int unit, long... shape) {
        Made last = made.get(name);
        if (last != null && Arrays.equals(last.tensor().getInfo().getShape(), shape)) return last.bytes();
        ByteBuffer bytes = memory(Tensor.elements(shape), unit);
        put(name, own(name, tensor(bytes, type, shape), bytes));
        return bytes;
    }

    /**
     * Adds an input that the feed owns: it is closed with the feed, or when another replaces it under the same name.
     */
    public OnnxTensor own(String name, OnnxTensor tensor) {
        return own(name, tensor, null);
    }

    private OnnxTensor own(String name, OnnxTensor tensor, ByteBuffer bytes) {
        Made last = made.put(name, new Made(tensor, bytes));
        if (last != null) last.tensor().close();
        return tensor;
    }

    /** Memory outside the heap. */
    public static ByteBuffer memory(long elements, int unit) {
        return ByteBuffer.allocateDirect(Math.toIntExact(Math.multiplyExact(elements, unit)))
                .order(ByteOrder.LITTLE_ENDIAN);
    }

    /** A tensor over these bytes, without a copy. */
    public static OnnxTensor tensor(ByteBuffer bytes, Type type, long... shape) {
        return Ort.call(env -> OnnxTensor.createTensor(env, bytes, shape, OnnxWeights.javaType(type)));
    }

    @Override
    public void close() {
        made.values().forEach(m -> m.tensor().close());
        made.clear();
    }
}
