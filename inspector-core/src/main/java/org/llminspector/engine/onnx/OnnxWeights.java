package org.llminspector.engine.onnx;

import ai.onnxruntime.OnnxJavaType;
import ai.onnxruntime.OnnxTensor;
import ai.onnxruntime.OnnxTensorLike;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.Supplier;
import org.llminspector.base.DType;
import org.llminspector.base.Tensor;
import org.llminspector.checkpoint.gguf.GgmlType;
import org.llminspector.checkpoint.gguf.GgufRows;
import org.llminspector.family.Weights;

/**
 * OnnxWeights holds a model's weights outside its graphs, each made when a graph first names it and shared by all of
 * them: the mapped file's own bytes where the format is right, else memory outside the heap.
 */
public final class OnnxWeights implements AutoCloseable {

    private record Entry(Tensor value, OnnxTensor tensor, Type type) {}

    private final Weights weights;
    private final OnnxWeights shared; // null, or another holder whose entries are used before own ones are made
    private final Map<String, Entry> entries = new LinkedHashMap<>();

    public OnnxWeights(Weights weights) {
        this(weights, null);
    }

    private OnnxWeights(Weights weights, OnnxWeights shared) {
        this.weights = weights;
        this.shared = shared;
    }

    /** The same model's weights: those held here are shared, and only what is missing is made. Close it before this. */
    OnnxWeights sharing() {
        return new OnnxWeights(weights, this);
    }

    boolean has(String name) {
        return weights.has(name);
    }

    /** A canonical weight in the file's own number format. */
    Tensor read(String name) {
        return weights.get(name);
    }

    /** The blocks that the file has a weight in, when they are of this format. */
    Optional<GgufRows> blocks(String name, GgmlType type) {
        if (weights.info(name).blocks() != type) return Optional.empty();
        return weights.blocks(name);
    }

    /** Declares a canonical weight in float32. */
    String floats(GraphBuilder graph, String name) {
        return declare(graph, name, () -> weights.get(name).upcast());
    }

    /** Declares a canonical weight in the file's own number format, where ONNX has it. */
    String asInFile(GraphBuilder graph, String name) {
        return declare(graph, name + "@file", () -> {
            Tensor t = weights.get(name);
            return t.dtype() == DType.F16 || t.dtype() == DType.BF16 ? t : t.upcast();
        });
    }

    /** Declares a weight that is made from canonical ones. */
    synchronized String declare(GraphBuilder graph, String name, Supplier<Tensor> make) {
        if (!holds(name)) hold(name, make.get());
        return declare(graph, name);
    }

    /** Declares a held weight. */
    synchronized String declare(GraphBuilder graph, String name) {
        Entry entry = entry(name);
        return graph.weight(name, entry.type(), entry.value().shape());
    }

    synchronized boolean holds(String name) {
        return entry(name) != null;
    }

    private synchronized Entry entry(String name) {
        Entry own = entries.get(name);
        return own != null || shared == null ? own : shared.entry(name);
    }

    /** A held weight, as the operators read it. */
    synchronized Tensor held(String name) {
        return entry(name).value();
    }

    /** Holds a weight until this is closed. */
    public synchronized void hold(String name, Tensor tensor) {
        entries.put(name, hold(tensor));
    }

    /** The declared weights, for a session. */
    synchronized Map<String, OnnxTensorLike> named(Set<String> names) {
        Map<String, OnnxTensorLike> named = new LinkedHashMap<>();
        for (String n : names) named.put(n, entry(n).tensor());
        return named;
    }

    /** Every held weight, for a session. */
    public synchronized Map<String, OnnxTensorLike> all() {
        return named(Set.copyOf(entries.keySet()));
    }

    /** Bytes of these weights as they are held. */
    synchronized long bytes(Set<String> names) {
        return names.stream().mapToLong(n -> entry(n).value().byteSize()).sum();
    }

    private static Entry hold(Tensor t) {
        Type type =
                switch (t.dtype()) {
                    case F32 -> Type.FLOAT;
                    case F16 -> Type.FLOAT16;
                    case BF16 -> Type.BFLOAT16;
                    case I8 -> Type.INT8;
                    case U8 -> Type.UINT8;
                    case I32 -> Type.INT32;
                    case I64 -> Type.INT64;
                    default -> throw new IllegalArgumentException("no ONNX weight is " + t);
                };
        ByteBuffer memory = outsideHeap(t.data(), t.dtype().bytes());
        OnnxTensor tensor = Ort.call(env -> OnnxTensor.createTensor(env, memory, t.shape(), javaType(type)));
        return new Entry(Tensor.of(t.dtype(), memory, t.shape()), tensor, type);
    }

    /** These bytes, or a copy where they lie on the heap or across the bounds of their elements. */
    private static ByteBuffer outsideHeap(ByteBuffer data, int unit) {
        if (data.isDirect() && data.alignmentOffset(0, unit) == 0) return data;
        return ByteBuffer.allocateDirect(data.remaining())
                .order(ByteOrder.LITTLE_ENDIAN)
                .put(data)
                .flip();
    }

    static OnnxJavaType javaType(Type type) {
        return switch (type) {
            case FLOAT -> OnnxJavaType.FLOAT;
            case FLOAT16 -> OnnxJavaType.FLOAT16;
            case BFLOAT16 -> OnnxJavaType.BFLOAT16;
            case INT8 -> OnnxJavaType.INT8;
            case UINT8 -> OnnxJavaType.UINT8;
            case INT32 -> OnnxJavaType.INT32;
            case INT64 -> OnnxJavaType.INT64;
            case BOOL -> OnnxJavaType.BOOL;
        };
    }

    @Override
    public synchronized void close() {
        entries.values().forEach(e -> e.tensor().close());
        entries.clear();
    }
}
