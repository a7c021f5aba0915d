package org.llminspector.engine.torch;

import ai.djl.Device;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.NDScope;
import ai.djl.ndarray.index.NDIndex;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import ai.djl.ndarray.types.SparseFormat;
import ai.djl.pytorch.engine.PtNDManager;
import ai.djl.pytorch.jni.JniUtils;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.atomic.AtomicLong;
import java.util.stream.LongStream;
import org.llminspector.base.Bytes;
import org.llminspector.base.Conversion;
import org.llminspector.base.DType;
import org.llminspector.base.Problem;
import org.llminspector.base.Tensor;
import org.llminspector.engine.Precision;
import org.llminspector.engine.torch.libtorch.EngineThread;
import org.llminspector.family.Weights;
import org.llminspector.spec.Mlp;

/**
 * A model's parameters as NDArrays: memory-mapped where the file has the wanted format, else converted into libtorch's
 * memory (a BF16 NDArray would abort the JVM).
 */
final class TorchWeights implements AutoCloseable {

    /** A norm's parameters; bias is null for RMSNorm. */
    record NormWeights(NDArray weight, NDArray bias) {}

    /**
     * The parts of a mixture that every token passes; the routed experts are in {@link #experts}. Absent parts are
     * null.
     */
    record Mixed(Linear router, NDArray choiceBias, LinearGroup sharedIn, Linear sharedOut, Linear sharedGate) {}

    /**
     * Matrices of latent attention: {@code down} reads the layer's input (to the queries or their latent vector, the
     * latent vector of keys and values, and the shared key), {@code q} reads the queries' latent vector where there is
     * one, {@code up} the other one (to the heads' own key parts and values).
     */
    record Compressed(LinearGroup down, NormWeights qNorm, Linear q, NormWeights kvNorm, LinearGroup up) {}

    /**
     * Parameters of a short convolution: {@code in} projects to B, C and X; the kernel is [width, d_model], its bias
     * [d_model] or null.
     */
    record Convolved(LinearGroup in, NDArray kernel, NDArray bias, Linear out) {}

    /**
     * One block's parameters; absent ones are null. A layer with a short convolution has {@code conv} instead of
     * attention's. {@code in} is gate and in, or in alone; a mixture has {@code mixed} instead of {@code in} and {@code
     * out}, latent attention {@code compressed} instead of {@code qkv}; {@code xielu} is null for activations without
     * learned parameters.
     */
    record Block(
            NormWeights ln1,
            NormWeights ln1Post,
            NormWeights ln2,
            NormWeights ln2Post,
            LinearGroup qkv,
            Compressed compressed,
            Linear o,
            NDArray qNorm,
            NDArray kNorm,
            NDArray sinks,
            LinearGroup in,
            Linear out,
            Mixed mixed,
            Xielu xielu,
            Convolved conv) {

        /** The output matrix of attention or of the short convolution. */
        Linear mixes() {
            return conv == null ? o : conv.out();
        }
    }

    /** Learned parameters of the xIELU activation, [1] each. */
    record Xielu(NDArray alphaP, NDArray alphaN, NDArray beta, NDArray eps) {}

    private final Weights weights;
    private final NDManager manager;
    private final DataType matrixType;
    private final boolean cuda;
    private final Map<String, NDArray> all = new LinkedHashMap<>();
    private final AtomicLong bytes = new AtomicLong();
    private final AtomicLong mapped = new AtomicLong();

    final NDArray embed; // [vocab, d_model], or with a projection [vocab, d_embed]
    final Linear projectIn; // [d_model, d_embed] or null
    final Linear projectOut; // [d_embed, d_model] or null
    final NormWeights lnEmbed;
    final NDArray posEmbed; // [context, d_model] or null
    final List<Block> blocks = new ArrayList<>();
    final NormWeights lnFinal;
    final Linear unembed; // as embed
    final ExpertMatrices experts;

    /** @param most limit of converted expert matrices, in bytes */
    TorchWeights(Weights weights, NDManager manager, Precision precision, long most) {
        this.experts = new ExpertMatrices(new Converted(), most);
        this.weights = weights;
        this.manager = manager;
        this.matrixType = precision == Precision.FP16 ? DataType.FLOAT16 : DataType.FLOAT32;
        this.cuda = !manager.getDevice().equals(Device.cpu());
        embed = array("embed.weight", matrixType);
        projectIn = exact("project_in");
        projectOut = exact("project_out");
        lnEmbed = norm("ln_embed");
        posEmbed = optional("pos_embed.weight");
        for (int i = 0; i < weights.spec().nLayers(); i++) {
            String b = "blocks." + i + ".";
            blocks.add(new Block(
                    norm(b + "ln1"),
                    norm(b + "ln1_post"),
                    norm(b + "ln2"),
                    norm(b + "ln2_post"),
                    qkv(b + "attn."),
                    compressed(b + "attn."),
                    linear(b + "attn.o"),
                    optional(b + "attn.q_norm.weight"),
                    optional(b + "attn.k_norm.weight"),
                    optional(b + "attn.sinks.weight"),
                    inputs(b + "mlp."),
                    linear(b + "mlp.out"),
                    mixed(b + "mlp."),
                    xielu(b + "mlp.act."),
                    convolved(b + "conv.")));
        }
        lnFinal = norm("ln_final");
        unembed = weights.spec().tied() ? new Linear(embed, optional("unembed.bias"), cuda) : linear("unembed");
        weights.names().stream().filter(TorchWeights::ofAnExpert).forEach(weights::skipped);
    }

    static boolean ofAnExpert(String name) {
        return name.contains(".mlp.experts.");
    }

    /** A copy of all weights including experts, for gradients by every parameter. */
    static TorchWeights whole(Weights weights, NDManager manager) {
        TorchWeights all = new TorchWeights(weights, manager, Precision.FP32, Long.MAX_VALUE);
        for (int i = 0; i < weights.spec().nLayers(); i++) {
            Mlp mlp = weights.spec().layers().get(i).mlp();
            for (int e = 0; mlp.experts() != null && e < mlp.experts().count(); e++) {
                all.experts.in(i, e, mlp.gated());
                all.experts.out(i, e);
            }
        }
        return all;
    }

    /** Every loaded weight by its canonical name. */
    Map<String, NDArray> all() {
        return Collections.unmodifiableMap(all);
    }

    long bytes() {
        return bytes.get();
    }

    /** Of these, memory-mapped bytes. */
    long mappedBytes() {
        return mapped.get();
    }

    /** The MLP's input matrices; null in a mixture. */
    private LinearGroup inputs(String mlp) {
        if (!weights.has(mlp + "in.weight")) return null;
        return group(weights.has(mlp + "gate.weight") ? List.of(mlp + "gate", mlp + "in") : List.of(mlp + "in"));
    }

    /** Null for latent attention and for layers without attention. */
    private LinearGroup qkv(String attn) {
        boolean plain = weights.has(attn + "q.weight") && !weights.has(attn + "kv_down.weight");
        return plain ? group(List.of(attn + "q", attn + "k", attn + "v")) : null;
    }

    private Convolved convolved(String conv) {
        if (!weights.has(conv + "kernel.weight")) return null;
        return new Convolved(
                group(List.of(conv + "b", conv + "c", conv + "x")),
                optional(conv + "kernel.weight"),
                optional(conv + "kernel.bias"),
                linear(conv + "out"));
    }

    private Compressed compressed(String attn) {
        if (!weights.has(attn + "kv_down.weight")) return null;
        boolean down = weights.has(attn + "q_down.weight");
        return new Compressed(
                group(List.of(attn + (down ? "q_down" : "q"), attn + "kv_down", attn + "k_rope")),
                norm(attn + "q_latent_norm"),
                down ? linear(attn + "q") : null,
                norm(attn + "kv_latent_norm"),
                group(List.of(attn + "k", attn + "v")));
    }

    private Mixed mixed(String mlp) {
        if (!weights.has(mlp + "router.weight")) return null;
        return new Mixed(
                exact(mlp + "router"),
                optional(mlp + "router.choice_bias"),
                inputs(mlp + "shared_expert."),
                linear(mlp + "shared_expert.out"),
                exact(mlp + "shared_expert_gate"));
    }

    private Xielu xielu(String act) {
        if (!weights.has(act + "beta")) return null;
        return new Xielu(
                optional(act + "alpha_p"), optional(act + "alpha_n"), optional(act + "beta"), optional(act + "eps"));
    }

    /** Always in float32: it is small, and rounding a router could change a token's experts. */
    private Linear exact(String name) {
        NDArray weight = optional(name + ".weight");
        return weight == null ? null : new Linear(weight, optional(name + ".bias"), cuda);
    }

    /** Loads experts' matrices like all others. */
    private final class Converted implements ExpertMatrices.Maker {

        private final Map<List<String>, Long> inFile = new HashMap<>(); // mapped bytes of each

        @Override
        public ExpertMatrices.Made make(List<String> modules) {
            long before = bytes.get() - mapped.get();
            long mappedBefore = mapped.get();
            LinearGroup matrices = group(modules);
            // They outlive the scope of the pass that loaded them.
            matrices.parts().forEach(Converted::detachFromScope);
            if (matrices.joined() != null) detachFromScope(matrices.joined());
            inFile.put(modules, mapped.get() - mappedBefore);
            return new ExpertMatrices.Made(matrices, bytes.get() - mapped.get() - before);
        }

        private static void detachFromScope(Linear linear) {
            NDScope.unregister(linear.weight());
            if (linear.bias() != null) NDScope.unregister(linear.bias());
        }

        @Override
        public void drop(List<String> modules, LinearGroup matrices) {
            mapped.addAndGet(-inFile.remove(modules));
            for (String module : modules) {
                for (String end : List.of(".weight", ".bias")) {
                    NDArray array = all.remove(module + end);
                    if (array == null) continue;
                    bytes.addAndGet(-array.size() * array.getDataType().getNumOfBytes());
                    array.close();
                }
            }
            if (matrices.joined() == null) return;
            matrices.joined().weight().close();
            if (matrices.joined().bias() != null) matrices.joined().bias().close();
        }
    }

    private Linear linear(String name) {
        if (!weights.has(name + ".weight")) return null;
        return new Linear(array(name + ".weight", matrixType), optional(name + ".bias"), cuda);
    }

    private NormWeights norm(String name) {
        NDArray weight = optional(name + ".weight");
        return weight == null ? null : new NormWeights(weight, optional(name + ".bias"));
    }

    private NDArray optional(String name) {
        return weights.has(name) ? array(name, DataType.FLOAT32) : null;
    }

    /** The matrices of modules that read the same input; FP16 copies are joined row-wise. */
    private LinearGroup group(List<String> names) {
        boolean biases = weights.has(names.get(0) + ".bias");
        boolean join = names.size() > 1
                && matrixType == DataType.FLOAT16
                && !cuda
                && names.stream().allMatch(n -> weights.has(n + ".bias") == biases);
        if (!join) {
            List<Linear> apart = names.stream().map(this::linear).toList();
            return EngineThread.call(() -> new LinearGroup(apart));
        }
        long[] rows =
                names.stream().mapToLong(n -> weights.shape(n + ".weight")[0]).toArray();
        long cols = weights.shape(names.get(0) + ".weight")[1];
        Room joined = room(new Shape(LongStream.of(rows).sum(), cols), matrixType);
        List<Linear> parts = new ArrayList<>();
        long at = 0;
        for (int i = 0; i < rows.length; i++) {
            String name = names.get(i);
            long row = cols * matrixType.getNumOfBytes();
            convert(name + ".weight", matrixType, joined.memory().slice(at * row, rows[i] * row));
            NDIndex place = new NDIndex().addSliceDim(at, at + rows[i]);
            NDArray part = EngineThread.call(() -> joined.array().get(place));
            parts.add(new Linear(keep(name + ".weight", part), optional(name + ".bias"), cuda));
            at += rows[i];
        }
        return EngineThread.call(() -> new LinearGroup(joined.array(), parts));
    }

    private NDArray array(String name, DataType type) {
        DType dtype = type == DataType.FLOAT16 ? DType.F16 : DType.F32;
        Tensor there = weights.inPlace(name, dtype).orElse(null);
        if (there != null) {
            if (!cuda && there.bytes().isMapped()) mapped.addAndGet(there.byteSize());
            return keep(name, EngineThread.call(() -> over(manager, there, type)));
        }
        Shape shape = new Shape(weights.shape(name));
        if (!cuda) {
            Room room = room(shape, type);
            convert(name, type, room.memory());
            return keep(name, room.array());
        }
        Bytes host = Bytes.allocate(Math.multiplyExact(shape.size(), type.getNumOfBytes()));
        convert(name, type, host);
        Tensor converted = Tensor.of(dtype, host, shape.getShape());
        NDArray array = EngineThread.call(() -> over(manager, converted, type));
        host.free();
        return keep(name, array);
    }

    /** An array to be filled through its memory. */
    private record Room(NDArray array, Bytes memory) {}

    private Room room(Shape shape, DataType type) {
        return EngineThread.call(() -> {
            NDArray array = manager.create(shape, type);
            Room room = new Room(array, memory(array));
            room.memory().large();
            return room;
        });
    }

    private NDArray keep(String name, NDArray array) {
        all.put(name, array);
        bytes.addAndGet(array.size() * array.getDataType().getNumOfBytes());
        return array;
    }

    /** Converts a weight directly into its final memory, a band of rows at a time. */
    private void convert(String name, DataType type, Bytes out) {
        DType to = type == DataType.FLOAT16 ? DType.F16 : DType.F32;
        weights.bands(name, (first, rows) -> {
            refuseOthers(name, rows);
            long[] shape = rows.shape();
            long cols = shape.length < 2 ? rows.size() : shape[1];
            long row = cols * to.bytes();
            Bytes part = out.slice(first * row, rows.size() * to.bytes());
            long infinite = Conversion.write(rows, to, part);
            if (infinite >= 0 && to == DType.F16) {
                throw Problem.unsupported("a weight does not fit FP16")
                        .where("tensor " + name + "[" + (first + infinite / cols) + ", " + infinite % cols + "]")
                        .expected("values up to 65,504")
                        .found(rows.get(infinite))
                        .instead("open the model with precision fp32");
            }
        });
    }

    /** An array's memory, for writing. */
    private static Bytes memory(NDArray array) {
        int unit = array.getDataType().getNumOfBytes();
        try (NDArray flat = array.reshape(-1)) {
            return Bytes.of(array.size() * unit, (from, n) -> {
                try (NDArray part = flat.get(new NDIndex().addSliceDim(from / unit, (from + n) / unit))) {
                    return part.toByteBuffer(true);
                }
            });
        } catch (IOException e) {
            throw new IllegalStateException("memory is no file", e);
        }
    }

    /**
     * An NDArray over a tensor outside the heap, without a copy on the CPU; it keeps a reference to the tensor's
     * memory.
     */
    private static NDArray over(NDManager manager, Tensor tensor, DataType type) {
        return JniUtils.createNdFromByteBuffer(
                (PtNDManager) manager,
                tensor.bytes().start(),
                new Shape(tensor.shape()),
                type,
                SparseFormat.DENSE,
                manager.getDevice());
    }

    private static void refuseOthers(String name, Tensor tensor) {
        switch (tensor.dtype()) {
            case F64, F32, F16, BF16, F8_E4M3, F8_E5M2 -> {}
            default ->
                throw Problem.unsupported("a weight has a number format that is no float")
                        .where("tensor " + name)
                        .expected("F64, F32, F16, BF16, F8_E4M3 or F8_E5M2")
                        .found(tensor.dtype());
        }
    }

    /** An NDArray of a plain tensor's values in float32. */
    static NDArray floats(NDManager manager, Tensor tensor) {
        Tensor values = tensor.upcast();
        if (values.bytes().isNative()) return over(manager, values, DataType.FLOAT32);
        Bytes outside = Bytes.allocate(values.byteSize());
        values.bytes().copyTo(outside, 0);
        return over(manager, Tensor.of(DType.F32, outside, values.shape()), DataType.FLOAT32);
    }

    @Override
    public void close() {
        manager.close();
    }
}
