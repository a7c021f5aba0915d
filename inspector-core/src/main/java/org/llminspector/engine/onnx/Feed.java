package org.llminspector.engine.onnx;

import ai.onnxruntime.OnnxTensor;
import ai.onnxruntime.OnnxTensorLike;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.llminspector.engine.onnx.GraphBuilder.Type;

/** Feed is what one pass is given, by the inputs' names; what it made is freed when it is closed. */
final class Feed implements AutoCloseable {

    private final Map<String, OnnxTensorLike> inputs = new HashMap<>();
    private final List<OnnxTensor> made = new ArrayList<>();

    Map<String, OnnxTensorLike> inputs() {
        return inputs;
    }

    void put(String name, OnnxTensorLike tensor) {
        inputs.put(name, tensor);
    }

    void floats(String name, float[] values, long... shape) {
        ByteBuffer bytes = memory(values.length, Float.BYTES);
        bytes.asFloatBuffer().put(values);
        put(name, own(tensor(bytes, Type.FLOAT, shape)));
    }

    void longs(String name, long[] values, long... shape) {
        ByteBuffer bytes = memory(values.length, Long.BYTES);
        bytes.asLongBuffer().put(values);
        put(name, own(tensor(bytes, Type.INT64, shape)));
    }

    void number(String name, int value, long... shape) {
        put(name, own(tensor(memory(1, Integer.BYTES).putInt(0, value), Type.INT32, shape)));
    }

    void booleans(String name, boolean[] values, long... shape) {
        ByteBuffer bytes = memory(values.length, 1);
        for (int i = 0; i < values.length; i++) bytes.put(i, (byte) (values[i] ? 1 : 0));
        put(name, own(tensor(bytes, Type.BOOL, shape)));
    }

    /** Has the tensor closed with the feed. */
    OnnxTensor own(OnnxTensor tensor) {
        made.add(tensor);
        return tensor;
    }

    /** Memory outside the heap. */
    static ByteBuffer memory(long elements, int unit) {
        return ByteBuffer.allocateDirect(Math.toIntExact(Math.multiplyExact(elements, unit)))
                .order(ByteOrder.LITTLE_ENDIAN);
    }

    /** A tensor over these bytes, which are not copied. */
    static OnnxTensor tensor(ByteBuffer bytes, Type type, long... shape) {
        return Ort.call(env -> OnnxTensor.createTensor(env, bytes, shape, OnnxWeights.javaType(type)));
    }

    @Override
    public void close() {
        made.forEach(OnnxTensor::close);
    }
}
