package org.llminspector.engine.exported;

import ai.onnxruntime.OnnxTensorLike;
import ai.onnxruntime.OrtSession;
import ai.onnxruntime.OrtSession.SessionOptions;
import ai.onnxruntime.OrtSession.SessionOptions.OptLevel;
import java.util.ArrayList;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.function.BiConsumer;
import org.llminspector.base.Problem;
import org.llminspector.base.Tensor;
import org.llminspector.capture.CaptureMemory;
import org.llminspector.checkpoint.Checkpoint;
import org.llminspector.checkpoint.onnx.OnnxFile;
import org.llminspector.checkpoint.onnx.OnnxFile.Node;
import org.llminspector.checkpoint.onnx.OnnxFile.Weight;
import org.llminspector.engine.Batch;
import org.llminspector.engine.EngineInfo;
import org.llminspector.engine.InspectorEngine;
import org.llminspector.engine.Precision;
import org.llminspector.engine.PrecisionPlan;
import org.llminspector.engine.RowsInTurns;
import org.llminspector.engine.Session;
import org.llminspector.engine.SessionRequest;
import org.llminspector.engine.cache.KvFormats;
import org.llminspector.engine.onnx.graph.Type;
import org.llminspector.engine.onnx.runtime.GraphCache;
import org.llminspector.engine.onnx.runtime.Memory;
import org.llminspector.engine.onnx.runtime.OnnxDevices;
import org.llminspector.engine.onnx.runtime.OnnxWeights;
import org.llminspector.engine.onnx.runtime.Ort;
import org.llminspector.engine.onnx.runtime.Target;
import org.llminspector.hook.HookId;
import org.llminspector.spec.DecoderSpec;

/**
 * A third-party ONNX decoder, open on ONNX Runtime. It generates with the graph's own cache and captures the hooks that
 * {@link ExportedHooks} finds; interventions are not supported.
 */
public final class ExportedEngine implements InspectorEngine {

    private final OnnxFile file;
    private final DecoderSpec spec;
    private final ExportedHooks hooks;
    private final ExportedSignature signature;
    private final OnnxWeights externalWeights = new OnnxWeights(null); // external weights
    private final Target target;
    private final EngineInfo info;
    private final CaptureMemory memory = new CaptureMemory();
    /** Graphs by captured values; only one stays open when idle, as each may copy all weights. */
    private final GraphCache<Set<String>, OpenSession> hooked = new GraphCache<>(1, ExportedEngine::close);
    /** The graph without additional outputs. */
    private final OpenSession fused;

    /** Number format of the graph's KV cache. */
    public static KvFormats kvFormats(OnnxFile file, DecoderSpec spec) {
        return ExportedSignature.of(file, spec).cache() == Type.FLOAT16 ? KvFormats.FP16 : KvFormats.FP32;
    }

    /** A graph's ONNX Runtime session and the allocator of its caches. */
    record OpenSession(OrtSession session, Memory memory) {}

    private ExportedEngine(Checkpoint checkpoint, DecoderSpec spec, Target target) {
        long from = System.nanoTime();
        this.file = checkpoint.onnx().orElseThrow();
        this.spec = spec;
        this.target = target;
        this.signature = ExportedSignature.of(file, spec);
        this.hooks = new ExportedHooks(file, spec);
        try {
            for (Weight w : file.weights())
                if (w.location() != null) externalWeights.add(w.name(), checkpoint.get(w.name()));
            this.fused = openSession(Set.of());
        } catch (RuntimeException | Error e) {
            externalWeights.close();
            throw e;
        }
        this.info = new EngineInfo(
                "onnx",
                Ort.call(env -> env.getVersion()),
                "fused",
                target.id(),
                precision(),
                arithmetic(),
                target.threads(),
                (System.nanoTime() - from) / 1e6,
                checkpoint.bytes());
    }

    /**
     * Opens an exported graph.
     *
     * @param plan must be the default: the file's precision is fixed
     */
    public static ExportedEngine open(Checkpoint checkpoint, DecoderSpec spec, String device, PrecisionPlan plan) {
        Target target = OnnxDevices.target(device);
        ExportedHooks.check(plan);
        return open(checkpoint, spec, target);
    }

    static ExportedEngine open(Checkpoint checkpoint, DecoderSpec spec, Target target) {
        return new ExportedEngine(checkpoint, spec, target);
    }

    /** The precision of the file's matrix products, by its operators and weights. */
    private Precision precision() {
        for (Node n : file.nodes()) {
            if (!n.op().equals("MatMulNBits")) continue;
            long block = n.numbers().getOrDefault("block_size", 0L);
            if (n.numbers().getOrDefault("bits", 4L) == 8) return Precision.INT8_WEIGHT;
            return block == 32 ? Precision.INT4_32 : Precision.INT4_128;
        }
        boolean integers = file.nodes().stream().anyMatch(n -> n.op().equals("MatMulInteger"));
        if (integers) return Precision.INT8;
        long halves = file.weights().stream()
                .filter(w -> w.type() == 10 && w.shape().size() == 2)
                .count();
        return halves > 0 ? Precision.FP16 : Precision.FP32;
    }

    private String arithmetic() {
        return "as the ONNX file has it: "
                + switch (precision()) {
                    case FP32 -> "fp32";
                    case FP16 -> "fp16 weights";
                    case INT8 -> "MatMulInteger";
                    default -> {
                        Node n = file.nodes().stream()
                                .filter(k -> k.op().equals("MatMulNBits"))
                                .findFirst()
                                .orElseThrow();
                        yield "MatMulNBits, " + n.numbers().getOrDefault("bits", 4L) + " bits, a scale in "
                                + n.numbers().getOrDefault("block_size", 0L);
                    }
                };
    }

    @Override
    public DecoderSpec spec() {
        return spec;
    }

    @Override
    public EngineInfo info() {
        return info;
    }

    @Override
    public void trim() {
        memory.shrink(0);
    }

    @Override
    public Session begin(SessionRequest request) {
        if (!request.interventions().isEmpty())
            throw hooks.interventionRefusal().orElseThrow();
        Set<String> shown = new TreeSet<>();
        for (HookId id : request.hooks()) {
            Place place = hooks.place(id);
            if (!signature.isOutput(place.value())) shown.add(place.value());
        }
        boolean plain = shown.isEmpty();
        GraphCache.Lease<OpenSession> lease =
                plain ? new GraphCache.Lease<>(fused, () -> {}) : hooked.lease(shown, () -> openSession(shown));
        try {
            return new ExportedSession(
                    spec,
                    lease.graph().session(),
                    lease.graph().memory(),
                    signature,
                    hooks,
                    request,
                    plain,
                    memory,
                    lease.release());
        } catch (RuntimeException | Error e) {
            lease.release().run();
            throw e;
        }
    }

    private OpenSession openSession(Set<String> shown) {
        OrtSession session = create(shown);
        try {
            return new OpenSession(session, Memory.of(session, target));
        } catch (RuntimeException | Error e) {
            Ort.close(session);
            throw e;
        }
    }

    private static void close(OpenSession graph) {
        graph.memory.close();
        Ort.close(graph.session);
    }

    private OrtSession create(Set<String> shown) {
        Map<String, OnnxTensorLike> given = externalWeights.all();
        try {
            return Ort.call(env -> {
                boolean fused = shown.isEmpty();
                try (SessionOptions options = target.options(fused, true, false)) {
                    // Unoptimized, some FP16 graphs do not open on a CPU: ONNX Runtime fails on casts that it inserts.
                    if (!fused && precision() == Precision.FP16) options.setOptimizationLevel(OptLevel.BASIC_OPT);
                    if (given.isEmpty() && fused)
                        return env.createSession(file.path().toString(), options);
                    options.addExternalInitializers(given);
                    return env.createSession(file.withOutputs(new ArrayList<>(shown)), options);
                }
            });
        } catch (Problem p) {
            throw Problem.invalid("ONNX Runtime cannot open this graph")
                    .where(file.path())
                    .found(p.found())
                    .causedBy(p);
        }
    }

    /** The graph's own batch axis is not known to be one: its rows run in turns. */
    @Override
    public void run(Batch batch, BiConsumer<HookId, Tensor> visitor) {
        RowsInTurns.run(this, batch, visitor);
    }

    @Override
    public Tensor unembed(Tensor resid) {
        throw hooks.lensRefusal().orElseThrow();
    }

    @Override
    public synchronized void close() {
        hooked.close();
        close(fused);
        externalWeights.close();
        memory.close();
    }
}
