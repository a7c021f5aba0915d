package org.llminspector.run.models;

import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.llminspector.analysis.PartCost;
import org.llminspector.base.DType;
import org.llminspector.base.Problem;
import org.llminspector.base.Tensor;
import org.llminspector.base.Version;
import org.llminspector.checkpoint.TensorInfo;
import org.llminspector.engine.Capabilities;
import org.llminspector.engine.Device;
import org.llminspector.engine.InspectorEngine;
import org.llminspector.engine.KvFormats;
import org.llminspector.engine.Precision;
import org.llminspector.engine.PrecisionPlan;
import org.llminspector.engine.exported.ExportedEngine;
import org.llminspector.engine.onnx.OnnxDevices;
import org.llminspector.engine.onnx.OnnxEngine;
import org.llminspector.engine.torch.TorchDevices;
import org.llminspector.engine.torch.TorchEngine;
import org.llminspector.family.Weights;
import org.llminspector.local.Prepared;
import org.llminspector.local.PreparedStore;
import org.llminspector.quant.QuantScheme;

/** Registry of this build's engines, by the names used in requests. */
public final class Engines {

    public static final String DEFAULT = "torch";

    private Engines() {}

    public static void check(String engine) {
        if (engine.equals("torch") || engine.equals("onnx")) return;
        throw Problem.unsupported("there is no such engine here")
                .where("engine")
                .expected("torch or onnx")
                .found(engine)
                .instead("GET /engines or `inspector models` lists what this build has");
    }

    public static List<Capabilities> capabilities() {
        return List.of(TorchEngine.capabilities(), OnnxEngine.capabilities());
    }

    /** Every device, described by the first engine that can use it; where none can, with the first engine's reason. */
    public static List<Device> devices() {
        Map<String, Device> devices = new LinkedHashMap<>();
        for (Capabilities engine : capabilities()) {
            for (Device d : engine.devices()) {
                devices.merge(d.id(), d, (first, other) -> first.available() || !other.available() ? first : other);
            }
        }
        return List.copyOf(devices.values());
    }

    /** The device that a request means; one that the engine does not have is refused. */
    public static String device(String engine, String wanted) {
        check(engine);
        return engine.equals("onnx") ? OnnxDevices.resolve(wanted) : TorchDevices.resolve(wanted);
    }

    /**
     * Opens a model; blocks.
     *
     * @param device as returned by {@link #device}
     * @param watch gets the progress of reading weights
     * @param store store of prepared tensors
     */
    static InspectorEngine open(
            String engine,
            ModelFolder folder,
            String device,
            PrecisionPlan plan,
            Weights.Watch watch,
            PreparedStore store) {
        check(engine, folder);
        if (folder.exported()) {
            folder.tryGraph();
            return ExportedEngine.open(folder.checkpoint(), folder.spec(), device, plan);
        }
        checkSimulated(engine, folder, plan);
        Weights weights = simulated(folder.weights().watched(watch), plan);
        if (engine.equals("torch")) return torch(weights, device, plan);
        String settings = "onnx, " + Version.STRING + ", " + device + ", " + plan.keeping(null) + ", "
                + folder.checkpoint().config();
        Prepared prepared = store.open(folder.checkpoint(), settings);
        try {
            InspectorEngine opened = OnnxEngine.open(weights, device, plan, prepared);
            folder.whenHashed(sha256 -> {
                if (sha256 == null) prepared.close();
                else prepared.finish(sha256, folder.checkpoint());
            });
            return opened;
        } catch (RuntimeException | Error e) {
            prepared.close();
            throw e;
        }
    }

    /** Estimated bytes that a model allocates when opened; mapped weights do not count. */
    static long estimate(String engine, ModelFolder folder, PrecisionPlan plan, PreparedStore store) {
        if (folder.exported()) return 2 * folder.checkpoint().bytes();
        Weights weights = folder.weights();
        boolean onnx = engine.equals("onnx");
        boolean kept = store.keeps(folder.checkpoint());
        boolean tied = weights.spec().tied();
        double bytes = 0;
        double experts = 0;
        for (String name : weights.names()) {
            double values = Tensor.elements(weights.shape(name));
            DType inFile =
                    weights.info(name).blocks() == null ? weights.info(name).dtype() : null;
            boolean table = name.startsWith("embed") || name.startsWith("pos_embed");
            boolean plain = weights.shape(name).length < 2 || (table && onnx && !tied);
            // As in the file, in addition to the unembedding's codes; mapped where the file has floats.
            if (name.equals("embed.weight") && onnx && tied && plan.keepsEmbedding() && inFile == null)
                bytes += 4 * values;
            String module = table && tied ? "unembed" : name.replaceFirst("\\.weight$|\\.bias$", "");
            Precision precision = plain || (table && !onnx)
                    ? plan.standard()
                    : plan.at(module).precision();
            if (!onnx && name.contains(".mlp.experts.")) {
                experts += values * (plan.simulated(name, tied) == null ? torchBytes(precision, inFile) : 4);
            } else if (plain) bytes += inFile == DType.F32 || (onnx && table && inFile != null) ? 0 : 4 * values;
            else if (!onnx && plan.simulated(name, tied) != null) bytes += 4 * values;
            else bytes += values * (onnx ? onnxBytes(precision, inFile, kept) : torchBytes(precision, inFile));
        }
        return (long) (bytes + Math.min(experts, (double) TorchEngine.keptExperts()));
    }

    /** Number formats of a model's KV cache; nothing is opened. */
    public static KvFormats kvFormats(String engine, ModelFolder folder, String device, PrecisionPlan plan) {
        if (folder.exported()) {
            return ExportedEngine.kvFormats(folder.checkpoint().onnx().orElseThrow(), folder.spec());
        }
        if (plan.kvCache() != null) return plan.kvCache();
        return engine.equals("onnx") ? OnnxEngine.kvFormats(device, plan) : KvFormats.FP32;
    }

    /**
     * Bytes per weight of a matrix in an engine's memory, scales included. Quantized weights of a GGUF file may differ;
     * those of an exported graph are the mean over its file.
     *
     * @param parameters of the model
     */
    public static PartCost.WeightBytes weightBytes(
            String engine, ModelFolder folder, String device, PrecisionPlan plan, long parameters) {
        if (folder.exported())
            return (module, in) -> (double) folder.checkpoint().bytes() / parameters;
        boolean torch = engine.equals("torch");
        boolean halves = torch || !device.equals("cpu");
        boolean asInFile = !torch && ownEmbedding(engine, folder, device, plan);
        boolean tied = folder.spec().tied();
        return (module, in) -> {
            if (module.equals("embed") && asInFile) return fileBytes(folder.weights());
            Precision precision = module.equals("embed") && !tied
                    ? plan.standard()
                    : plan.at(module).precision();
            return switch (precision) {
                case FP32 -> 4;
                case FP16, BF16 -> halves ? 2 : 4;
                case INT8 -> 1 + 4.0 / in;
                case INT8_WEIGHT -> 1 + 4.0 / 128;
                case INT4_32 -> 0.5 + 4.0 / 32;
                case INT4_128 -> 0.5 + 4.0 / 128;
            };
        };
    }

    /** Whether an engine has an embedding table separate from the unembedding. */
    public static boolean ownEmbedding(String engine, ModelFolder folder, String device, PrecisionPlan plan) {
        if (folder.exported() || !engine.equals("onnx")) return !folder.spec().tied();
        return OnnxEngine.ownEmbedding(folder.spec(), plan, device);
    }

    /** Bytes per number of the embedding as in the file; quantized ones are decoded to float32. */
    private static double fileBytes(Weights weights) {
        TensorInfo embed = weights.info("embed.weight");
        return embed.blocks() == null && (embed.dtype() == DType.F16 || embed.dtype() == DType.BF16) ? 2 : 4;
    }

    private static double torchBytes(Precision precision, DType inFile) {
        if (precision == Precision.FP16) return 2;
        return inFile == DType.F32 ? 0 : 4;
    }

    /** Bytes per weight: the weight itself where it is not mapped, and its packed copy for the kernels. */
    private static double onnxBytes(Precision precision, DType inFile, boolean kept) {
        return switch (precision) {
            case FP32 -> inFile == DType.F32 ? 4 : 8;
            case FP16, BF16 -> 8;
            case INT8, INT8_WEIGHT -> kept ? 1.1 : 2.2;
            case INT4_32, INT4_128 -> kept ? 0.7 : 1.3;
        };
    }

    /**
     * The weights with those that a plan simulates replaced by quantized and decoded values, computed when they are
     * read.
     */
    static Weights simulated(Weights weights, PrecisionPlan plan) {
        if (plan.simulate().isEmpty()) return weights;
        boolean tied = weights.spec().tied();
        Map<String, QuantScheme> schemes = new HashMap<>();
        for (String name : weights.names()) {
            QuantScheme scheme = weights.shape(name).length < 2 ? null : plan.simulated(name, tied);
            if (scheme != null) schemes.put(name, scheme);
        }
        return weights.changed(schemes::containsKey, (name, weight) -> schemes.get(name)
                .quantize(weight, "weight " + name)
                .decode());
    }

    /** Refuses simulated weights where engine or model does not support them. */
    static void checkSimulated(String engine, ModelFolder folder, PrecisionPlan plan) {
        if (plan.simulate().isEmpty()) return;
        if (folder.exported()) {
            throw Problem.unsupported("an exported graph's weights cannot be simulated: it keeps its own")
                    .where("precision_plan.simulate")
                    .instead("open the model's safetensors or GGUF on torch");
        }
        if (!engine.equals("torch")) {
            throw Problem.unsupported("weights are simulated on torch only")
                    .where("precision_plan.simulate")
                    .expected("engine torch")
                    .found(engine)
                    .instead("ask again with engine torch; onnx computes with int8, int8_weight, int4_32 and int4_128"
                            + " themselves");
        }
    }

    /** Refuses an engine that cannot open the model. */
    public static void check(String engine, ModelFolder folder) {
        check(engine);
        folder.port().checkEngine(engine);
    }

    /** The default engine of a model. */
    public static String standard(ModelFolder folder) {
        return folder.port().standardEngine();
    }

    private static InspectorEngine torch(Weights weights, String device, PrecisionPlan plan) {
        List<PrecisionPlan.Choice> choices = plan.choices(weights.spec());
        if (choices.size() == 1)
            return TorchEngine.open(
                    weights,
                    device,
                    choices.get(0).precision(),
                    plan.kvCache() == null ? KvFormats.FP32 : plan.kvCache(),
                    plan.simulation());
        throw Problem.unsupported("the torch engine has one precision for all modules")
                .where("precision_plan.overrides")
                .found(choices.stream().map(c -> c.precision().label()).toList())
                .instead("leave the overrides out, or use the onnx engine");
    }
}
