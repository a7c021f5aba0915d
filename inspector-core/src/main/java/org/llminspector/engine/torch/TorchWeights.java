package org.llminspector.engine.torch;

import ai.djl.Device;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.NDScope;
import ai.djl.ndarray.index.NDIndex;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.Consumer;
import java.util.stream.Stream;
import org.llminspector.base.Bytes;
import org.llminspector.base.Conversion;
import org.llminspector.base.DType;
import org.llminspector.base.Problem;
import org.llminspector.base.Tensor;
import org.llminspector.engine.Precision;
import org.llminspector.engine.PrecisionPlan;
import org.llminspector.engine.layer.Modules;
import org.llminspector.engine.torch.libtorch.EngineThread;
import org.llminspector.engine.torch.libtorch.Tensors;
import org.llminspector.family.Weights;
import org.llminspector.spec.Mlp;

/**
 * A model's parameters as NDArrays: memory-mapped where the file has the wanted format, else converted into libtorch's
 * memory (a BF16 NDArray would abort the JVM).
 */
final class TorchWeights implements AutoCloseable {

    /**
     * Last parts of the names of modules whose matrices stay in float32: they are small, and rounding a router could
     * change a token's experts.
     */
    private static final Set<String> EXACT = Set.of(
            "router", "shared_expert_gate", "project_in", "project_out", "project", "unproject", "predict", "correct");

    private final Weights weights;
    private final NDManager manager;
    private final DataType matrixType;
    private final boolean cuda;
    private final Map<String, NDArray> all = new LinkedHashMap<>();
    private final AtomicLong bytes = new AtomicLong();
    private final AtomicLong mapped = new AtomicLong();

    private final Map<String, Linear> linears = new HashMap<>();
    private final Map<List<String>, LinearGroup> groups = new HashMap<>();
    final ExpertMatrices experts;

    /** @param most limit of converted expert matrices, in bytes */
    TorchWeights(Weights weights, NDManager manager, Precision precision, long most) {
        this.experts = new ExpertMatrices(this, most);
        this.weights = weights;
        this.manager = manager;
        this.matrixType = precision == Precision.FP16 ? DataType.FLOAT16 : DataType.FLOAT32;
        this.cuda = !manager.getDevice().equals(Device.cpu());
        Set<String> matrices = Set.copyOf(PrecisionPlan.modules(weights.spec()));
        Map<String, List<String>> together = new HashMap<>();
        for (int i = 0; i < weights.spec().nLayers(); i++) {
            for (List<String> modules :
                    Modules.together(i, weights.spec().layers().get(i))) modules.forEach(m -> together.put(m, modules));
        }
        for (String name : weights.names()) {
            if (ofAnExpert(name) || name.equals(Weights.LAYER_TABLE)) weights.skipped(name);
            else if (name.equals("embed.weight")) array(name, matrixType);
            else load(name, matrices, together);
        }
        if (weights.spec().tied()) linears.put("unembed", new Linear(get("embed.weight"), get("unembed.bias"), cuda));
    }

    private void load(String name, Set<String> matrices, Map<String, List<String>> together) {
        if (all.containsKey(name)) return; // a group's
        String module = name.substring(0, name.lastIndexOf('.'));
        boolean exact = EXACT.contains(module.substring(module.lastIndexOf('.') + 1));
        if (!name.endsWith(".weight") || !(exact || matrices.contains(module))) {
            array(name, DataType.FLOAT32);
        } else if (exact) {
            linears.put(module, new Linear(array(name, DataType.FLOAT32), bias(module), cuda));
        } else if (together.containsKey(module)) {
            List<String> modules = together.get(module);
            LinearGroup group = joined(modules);
            groups.put(modules, group);
            for (int i = 0; i < modules.size(); i++)
                linears.put(modules.get(i), group.parts().get(i));
        } else {
            linears.put(module, load(module));
        }
    }

    /** Whether the model has this weight. */
    boolean has(String name) {
        return weights.has(name);
    }

    boolean onCpu() {
        return !cuda;
    }

    /** A loaded weight by its canonical name, or null. */
    NDArray get(String name) {
        return all.get(name);
    }

    /** Rows of a table in the files by token ids [batch, pos], [batch, pos, width]; a token beyond its rows reads row 0. */
    NDArray rows(String table, NDArray ids) {
        long[] at = ids.toLongArray();
        int count = Math.toIntExact(weights.shape(table)[0]);
        int width = Math.toIntExact(weights.shape(table)[1]);
        float[] rows = new float[at.length * width];
        for (int t = 0; t < at.length; t++)
            System.arraycopy(weights.row(table, at[t] < count ? (int) at[t] : 0), 0, rows, t * width, width);
        return ids.getManager().create(rows, ids.getShape().add(width));
    }

    /** A module's matrix and bias; experts' are in {@link #experts}. */
    Linear linear(String module) {
        return linears.get(module);
    }

    /** The matrices of {@link Modules#together}. */
    LinearGroup group(List<String> modules) {
        return groups.get(modules);
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
                String expert = "blocks." + i + ".mlp.experts." + e + ".";
                all.experts.of(Modules.in(expert, mlp));
                all.experts.of(List.of(expert + "out"));
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

    /** Loads an expert's matrices like all others; they outlive the scope of the pass that needs them. */
    ExpertMatrices.Made expert(List<String> modules) {
        long before = bytes.get();
        long mappedBefore = mapped.get();
        LinearGroup matrices = joined(modules);
        linears(matrices).flatMap(Linear::arrays).forEach(NDScope::unregister);
        long inFile = mapped.get() - mappedBefore;
        return new ExpertMatrices.Made(matrices, bytes.get() - before - inFile, inFile);
    }

    /** Frees what {@link #expert} loaded. */
    void drop(List<String> modules, ExpertMatrices.Made made) {
        mapped.addAndGet(-made.mapped());
        for (String module : modules) {
            for (String end : List.of(".weight", ".bias")) {
                NDArray array = all.remove(module + end);
                if (array != null)
                    bytes.addAndGet(-array.size() * array.getDataType().getNumOfBytes());
            }
        }
        linears(made.matrices()).flatMap(Linear::arrays).forEach(NDArray::close);
    }

    private static Stream<Linear> linears(LinearGroup group) {
        return Stream.concat(group.parts().stream(), Stream.ofNullable(group.joined()));
    }

    private Linear load(String module) {
        return new Linear(array(module + ".weight", matrixType), bias(module), cuda);
    }

    private NDArray bias(String module) {
        String name = module + ".bias";
        if (!weights.has(name)) return null;
        NDArray there = all.get(name);
        return there == null ? array(name, DataType.FLOAT32) : there;
    }

    /** The matrices of modules that read the same input; FP16 copies are joined row-wise. */
    private LinearGroup joined(List<String> names) {
        boolean biases = weights.has(names.get(0) + ".bias");
        boolean join = names.size() > 1
                && matrixType == DataType.FLOAT16
                && names.stream().allMatch(n -> weights.has(n + ".bias") == biases);
        if (!join) return new LinearGroup(null, names.stream().map(this::load).toList());
        long[] first = new long[names.size() + 1]; // each part's first row
        for (int i = 0; i < names.size(); i++) first[i + 1] = first[i] + weights.shape(names.get(i) + ".weight")[0];
        long cols = weights.shape(names.get(0) + ".weight")[1];
        long row = cols * matrixType.getNumOfBytes();
        NDArray joined = filled(new Shape(first[names.size()], cols), matrixType, memory -> {
            for (int i = 0; i < names.size(); i++) {
                Bytes part = memory.slice(first[i] * row, (first[i + 1] - first[i]) * row);
                convert(names.get(i) + ".weight", matrixType, part);
            }
        });
        List<Linear> parts = new ArrayList<>();
        for (int i = 0; i < names.size(); i++) {
            NDIndex place = new NDIndex().addSliceDim(first[i], first[i + 1]);
            NDArray part = EngineThread.call(() -> joined.get(place));
            parts.add(new Linear(keep(names.get(i) + ".weight", part), bias(names.get(i)), cuda));
        }
        return EngineThread.call(() -> new LinearGroup(joined, parts));
    }

    private NDArray array(String name, DataType type) {
        Tensor there = weights.inPlace(name, dtype(type)).orElse(null);
        if (there != null) {
            if (!cuda && there.bytes().isMapped()) mapped.addAndGet(there.byteSize());
            return keep(name, EngineThread.call(() -> Tensors.over(manager, there, type)));
        }
        return keep(name, filled(new Shape(weights.shape(name)), type, memory -> convert(name, type, memory)));
    }

    private static DType dtype(DataType type) {
        return type == DataType.FLOAT16 ? DType.F16 : DType.F32;
    }

    /** A new array, written through its memory; on a GPU, through a copy on the host. */
    private NDArray filled(Shape shape, DataType type, Consumer<Bytes> write) {
        if (cuda) {
            Bytes host = Bytes.allocate(Math.multiplyExact(shape.size(), type.getNumOfBytes()));
            write.accept(host);
            Tensor written = Tensor.of(dtype(type), host, shape.getShape());
            NDArray array = EngineThread.call(() -> Tensors.over(manager, written, type));
            host.free();
            return array;
        }
        NDArray array = EngineThread.call(() -> manager.create(shape, type));
        Bytes memory = EngineThread.call(() -> memory(array));
        memory.large();
        write.accept(memory);
        return array;
    }

    private NDArray keep(String name, NDArray array) {
        all.put(name, array);
        bytes.addAndGet(array.size() * array.getDataType().getNumOfBytes());
        return array;
    }

    /** Converts a weight directly into its final memory, a band of rows at a time. */
    private void convert(String name, DataType type, Bytes out) {
        DType to = dtype(type);
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

    @Override
    public void close() {
        manager.close();
    }
}
