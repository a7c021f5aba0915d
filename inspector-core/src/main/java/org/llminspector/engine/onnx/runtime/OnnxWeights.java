package org.llminspector.engine.onnx.runtime;

import ai.onnxruntime.OnnxJavaType;
import ai.onnxruntime.OnnxTensor;
import ai.onnxruntime.OnnxTensorLike;
import java.nio.ByteBuffer;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Supplier;
import org.llminspector.base.Bytes;
import org.llminspector.base.DType;
import org.llminspector.base.Tensor;
import org.llminspector.checkpoint.TensorInfo;
import org.llminspector.checkpoint.gguf.GgmlType;
import org.llminspector.engine.MemoryUse;
import org.llminspector.engine.onnx.graph.GraphBuilder;
import org.llminspector.engine.onnx.graph.Type;
import org.llminspector.family.Weights;
import org.llminspector.local.PreparedTensors;

/**
 * A model's weights, shared by all its graphs and loaded when a graph first declares them: memory-mapped from the file
 * where it has the right format, else in memory outside the heap.
 */
public final class OnnxWeights implements AutoCloseable {

    private record Entry(Tensor value, OnnxTensor tensor, Type type) {}

    private final Weights weights;
    private final OnnxWeights shared; // null, or weights to look up before making new ones
    private final PreparedTensors prepared;
    private final Map<String, Entry> entries = new LinkedHashMap<>();

    public OnnxWeights(Weights weights) {
        this(weights, PreparedTensors.NONE);
    }

    /** @param prepared tensors stored by an earlier opening */
    public OnnxWeights(Weights weights, PreparedTensors prepared) {
        this(weights, null, prepared);
    }

    private OnnxWeights(Weights weights, OnnxWeights shared, PreparedTensors prepared) {
        this.weights = weights;
        this.shared = shared;
        this.prepared = prepared;
    }

    /** Weights of the same model that share those made here. Close it before this. */
    public OnnxWeights sharing() {
        return new OnnxWeights(weights, this, PreparedTensors.NONE);
    }

    /** The canonical weights. */
    public Weights source() {
        return weights;
    }

    public boolean has(String name) {
        return weights.has(name);
    }

    /** A canonical weight in the file's own number format. */
    public Tensor read(String name) {
        return weights.get(name);
    }

    /** A canonical weight's number format in the file; null for quantized blocks. */
    public DType inFile(String name) {
        TensorInfo info = weights.info(name);
        return info.blocks() == null ? info.dtype() : null;
    }

    /** Whether the file has a weight in blocks of this format, row by row. */
    public boolean hasBlocks(String name, GgmlType type) {
        return weights.info(name).blocks() == type && weights.hasBlocks(name);
    }

    /** Declares a canonical weight in float32. */
    public String floats(GraphBuilder graph, String name) {
        return declare(graph, name, () -> weights.get(name).upcast());
    }

    /** Declares a canonical weight in the file's own number format, where ONNX has it. */
    public String asInFile(GraphBuilder graph, String name) {
        return declare(graph, name + "@file", () -> {
            Tensor t = weights.get(name);
            return t.dtype() == DType.F16 || t.dtype() == DType.BF16 ? t : t.upcast();
        });
    }

    /** Declares a weight, made on first use. */
    public synchronized String declare(GraphBuilder graph, String name, Supplier<Tensor> make) {
        if (!hasEntry(name)) add(name, make.get());
        return declare(graph, name);
    }

    /** Declares a weight that is already here. */
    public synchronized String declare(GraphBuilder graph, String name) {
        Entry entry = entry(name);
        return graph.weight(name, entry.type(), entry.value().shape());
    }

    public synchronized boolean hasEntry(String name) {
        return entry(name) != null;
    }

    private synchronized Entry entry(String name) {
        Entry own = entries.get(name);
        return own != null || shared == null ? own : shared.entry(name);
    }

    /** A weight as the operators read it. */
    public synchronized Tensor tensor(String name) {
        return entry(name).value();
    }

    /** Adds a weight, owned until this is closed. */
    public synchronized void add(String name, Tensor tensor) {
        entries.put(name, add(tensor));
    }

    /**
     * Adds tensors that an earlier opening made from some weights; false where none are stored.
     *
     * @param codes the codes' tensor
     * @param scales the scales' tensor
     */
    public synchronized boolean prepared(List<String> names, Made codes, Made scales) {
        Tensor code = prepared.find(codes.name(), codes.dtype(), codes.shape());
        Tensor scale = prepared.find(scales.name(), scales.dtype(), scales.shape());
        if (code == null || scale == null) return false;
        add(codes.name(), code);
        add(scales.name(), scale);
        names.forEach(weights::skipped);
        return true;
    }

    /** Adds a tensor made from some weights, and stores it for later openings. */
    public synchronized void keep(Made what, Bytes made) {
        add(what.name(), prepared.keep(what.name(), Tensor.of(what.dtype(), made, what.shape())));
    }

    /** Name, type and shape of a tensor made from weights. */
    @SuppressWarnings("ArrayRecordComponent") // never compared
    public record Made(String name, DType dtype, long... shape) {
        public long bytes() {
            return Tensor.elements(shape) * dtype.bytes();
        }
    }

    /** Releases these weights' mapped pages from this process's memory until they are read again. */
    synchronized void release(Set<String> names) {
        for (String n : names) entry(n).value().release();
    }

    /** The declared weights, for a session. */
    synchronized Map<String, OnnxTensorLike> named(Set<String> names) {
        Map<String, OnnxTensorLike> named = new LinkedHashMap<>();
        for (String n : names) named.put(n, entry(n).tensor());
        return named;
    }

    /** Every weight, for a session. */
    public synchronized Map<String, OnnxTensorLike> all() {
        return named(Set.copyOf(entries.keySet()));
    }

    /** Bytes of these weights in memory. */
    public synchronized long bytes(Set<String> names) {
        return names.stream().mapToLong(n -> entry(n).value().byteSize()).sum();
    }

    /** Memory of the weights: converted and mapped. */
    public synchronized MemoryUse memory() {
        long resident = 0;
        long mapped = 0;
        for (Entry e : entries.values()) {
            if (e.value().bytes().isMapped()) mapped += e.value().byteSize();
            else resident += e.value().byteSize();
        }
        return new MemoryUse(resident, mapped);
    }

    /** Bytes of the matrices among these, which kernels prepack. */
    synchronized long matrices(Set<String> names) {
        return names.stream()
                .filter(n -> !n.endsWith("@file") && !n.startsWith("pos_embed"))
                .map(n -> entry(n).value())
                .filter(t -> t.rank() > 1)
                .mapToLong(Tensor::byteSize)
                .sum();
    }

    private static Entry add(Tensor t) {
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
        Bytes memory = outsideHeap(t.bytes(), t.dtype().bytes());
        return new Entry(Tensor.of(t.dtype(), memory, t.shape()), tensor(memory, type, t.shape()), type);
    }

    /** ONNX Runtime's tensor over memory outside the heap, without a copy. */
    private static OnnxTensor tensor(Bytes memory, Type type, long... shape) {
        if (memory.size() > Bytes.PART) return NativeOrt.tensor(memory, type, shape);
        ByteBuffer all = memory.start();
        return Ort.call(env -> OnnxTensor.createTensor(env, all, shape, javaType(type)));
    }

    /** These bytes, or a copy where they are on the heap, not contiguous or not aligned. */
    private static Bytes outsideHeap(Bytes data, int unit) {
        if (data.isNative() && data.start().alignmentOffset(0, unit) == 0) return data;
        Bytes copy = Bytes.allocate(data.size());
        data.copyTo(copy, 0);
        data.release();
        return copy;
    }

    static OnnxJavaType javaType(Type type) {
        return OnnxJavaType.valueOf(type.name());
    }

    @Override
    public synchronized void close() {
        entries.values().forEach(e -> {
            e.tensor().close();
            e.value().bytes().free();
        });
        entries.clear();
    }
}
