package org.llminspector.engine.onnx;

import ai.onnxruntime.OnnxTensor;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.BiConsumer;
import org.llminspector.base.DType;
import org.llminspector.base.Tensor;
import org.llminspector.capture.CaptureMemory;
import org.llminspector.engine.Batch;
import org.llminspector.engine.Capabilities;
import org.llminspector.engine.Capabilities.PrecisionSupport;
import org.llminspector.engine.EngineInfo;
import org.llminspector.engine.InspectorEngine;
import org.llminspector.engine.MemoryUse;
import org.llminspector.engine.Precision;
import org.llminspector.engine.PrecisionPlan;
import org.llminspector.engine.Session;
import org.llminspector.engine.SessionRequest;
import org.llminspector.engine.onnx.graph.Graph;
import org.llminspector.engine.onnx.graph.Taps.Step;
import org.llminspector.engine.onnx.layer.Encodings;
import org.llminspector.engine.onnx.layer.GraphWriter;
import org.llminspector.engine.onnx.runtime.Arithmetic;
import org.llminspector.engine.onnx.runtime.GraphCache;
import org.llminspector.engine.onnx.runtime.OnnxDevices;
import org.llminspector.engine.onnx.runtime.OnnxWeights;
import org.llminspector.engine.onnx.runtime.OpenGraph;
import org.llminspector.engine.onnx.runtime.Ort;
import org.llminspector.engine.onnx.runtime.Target;
import org.llminspector.family.Weights;
import org.llminspector.hook.HookId;
import org.llminspector.hook.HookPoint;
import org.llminspector.local.PreparedTensors;
import org.llminspector.spec.DecoderSpec;

/**
 * A model open on ONNX Runtime. A sequence that captures at most the logits runs on the fused form; one with hooks or
 * interventions runs on a hooked graph written for exactly those. A model whose heads the fused operator does not
 * support has the hooked form only.
 */
public final class OnnxEngine implements InspectorEngine {

    private static final String BF16_WHY = "ONNX Runtime multiplies no bfloat16 matrices on a CPU";
    private static final String BF16_INSTEAD = "bfloat16 checkpoints open in fp32: they are upcast while loading";

    /** Hooked graphs kept open while idle; on a GPU each has its own copy of the weights. */
    private static final int KEPT = 4;

    private static final int KEPT_ON_GPU = 1;

    /** @param batch whether the graph runs rows from empty caches */
    private record HookedKey(boolean batch, Set<HookId> hooks, Map<HookId, List<Step>> steps) {}

    private final DecoderSpec spec;
    private final PrecisionPlan plan;
    private final OnnxWeights weights;
    private final Encodings encodings;
    private final Target target;
    private final EngineInfo info;
    private final GraphCache<HookedKey, OpenGraph> hooked;
    private final CaptureMemory memory = new CaptureMemory();
    private final OpenGraph fused; // null where there is no fused form
    private OpenGraph unembedding; // null until needed
    private volatile MemoryUse held;

    private OnnxEngine(DecoderSpec spec, Encodings encodings, Target target, PrecisionPlan plan) {
        long from = System.nanoTime();
        this.spec = spec;
        this.plan = plan;
        this.weights = encodings.weights();
        this.encodings = encodings;
        this.target = target;
        this.hooked = new GraphCache<>(target.cuda() ? KEPT_ON_GPU : KEPT, OpenGraph::close);
        boolean fuses = GraphWriter.fuses(spec, target.cuda());
        OpenGraph first; // the graph without hooks
        try {
            Graph graph = fuses
                    ? GraphWriter.fused(spec, encodings, plan, target)
                    : GraphWriter.hooked(spec, encodings, plan, target, Set.of(), Map.of());
            first = new OpenGraph(graph, this.weights, target, fuses);
        } catch (RuntimeException | Error e) {
            this.weights.close();
            throw e;
        }
        this.fused = fuses ? first : null;
        if (!fuses)
            hooked.lease(new HookedKey(false, Set.of(), Map.of()), () -> first)
                    .release()
                    .run();
        this.info = new EngineInfo(
                "onnx",
                version(),
                fuses ? "fused" : "hooked",
                target.id(),
                plan.standard(),
                Arithmetic.of(plan, spec, target),
                target.threads(),
                (System.nanoTime() - from) / 1e6,
                this.weights.bytes(first.graph().weights()));
        count();
    }

    /**
     * Loads a model.
     *
     * @param device {@code auto} (a GPU when there is one), {@code cpu}, {@code cuda:N}
     */
    public static OnnxEngine open(Weights weights, String device, PrecisionPlan plan) {
        return open(weights, device, plan, PreparedTensors.NONE);
    }

    /**
     * Loads a model.
     *
     * @param prepared quantized codes stored by an earlier opening, or to be stored
     */
    public static OnnxEngine open(Weights weights, String device, PrecisionPlan plan, PreparedTensors prepared) {
        return open(weights, OnnxDevices.target(device), plan, prepared);
    }

    static OnnxEngine open(Weights weights, Target target, PrecisionPlan plan) {
        return open(weights, target, plan, PreparedTensors.NONE);
    }

    private static OnnxEngine open(Weights weights, Target target, PrecisionPlan plan, PreparedTensors prepared) {
        check(weights.spec(), plan);
        Encodings encodings = new Encodings(new OnnxWeights(weights, prepared), target);
        return new OnnxEngine(weights.spec(), encodings, target, plan);
    }

    private static void check(DecoderSpec spec, PrecisionPlan plan) {
        plan.check(spec);
        if (plan.choices(spec).stream().anyMatch(c -> c.precision() == Precision.BF16)) {
            throw support(Precision.BF16, null).refused("onnx", "another precision");
        }
    }

    @Override
    public InspectorEngine variant(PrecisionPlan other) {
        check(spec, other);
        return new OnnxEngine(spec, encodings.sharing(), target, other);
    }

    private static PrecisionSupport support(Precision p, Target target) {
        if (p == Precision.BF16) return PrecisionSupport.none(p, BF16_WHY, BF16_INSTEAD);
        PrecisionPlan plan = PrecisionPlan.of(p);
        return PrecisionSupport.of(p, Arithmetic.of(plan.at("unembed"), target) + Arithmetic.cache(plan, target));
    }

    /** What this engine can do on this machine. */
    public static Capabilities capabilities() {
        Target best = OnnxDevices.target("auto");
        return Capabilities.of("onnx", version(), OnnxDevices.list(), p -> support(p, best));
    }

    private static String version() {
        return Ort.call(env -> env.getVersion());
    }

    @Override
    public DecoderSpec spec() {
        return spec;
    }

    @Override
    public EngineInfo info() {
        return info;
    }

    /** Does not wait while a graph is opened. */
    @Override
    public MemoryUse memory() {
        return held.plus(new MemoryUse(memory.bytes(), 0));
    }

    private synchronized void count() {
        long packed = hooked.graphs().stream().mapToLong(OpenGraph::packed).sum();
        if (fused != null) packed += fused.packed();
        if (unembedding != null) packed += unembedding.packed();
        held = weights.memory().plus(new MemoryUse(packed, 0));
    }

    @Override
    public void trim() {
        memory.shrink(0);
    }

    @Override
    public Session begin(SessionRequest request) {
        Map<HookId, List<Step>> steps = steps(request);
        boolean plain = fused != null
                && !request.hooked()
                && steps.isEmpty()
                && Set.of(HookId.of(HookPoint.LOGITS)).containsAll(request.hooks());
        GraphCache.Lease<OpenGraph> lease =
                plain ? new GraphCache.Lease<>(fused, () -> {}) : hooked(false, request, steps);
        try {
            return new OnnxSession(spec, lease.graph(), request, memory, lease.release());
        } catch (RuntimeException | Error e) {
            lease.release().run();
            throw e;
        }
    }

    @Override
    public void run(Batch batch, BiConsumer<HookId, Tensor> visitor) {
        GraphCache.Lease<OpenGraph> lease = hooked(true, batch.request(), steps(batch.request()));
        try {
            OnnxBatch.run(spec, lease.graph(), batch, visitor);
        } finally {
            lease.release().run();
        }
    }

    private Map<HookId, List<Step>> steps(SessionRequest request) {
        Map<HookId, List<Step>> steps = new LinkedHashMap<>();
        request.changes(spec)
                .forEach((id, indices) -> steps.put(
                        id,
                        indices.stream()
                                .map(i -> new Step(
                                        i, id, request.interventions().get(i).op()))
                                .toList()));
        return steps;
    }

    private synchronized GraphCache.Lease<OpenGraph> hooked(
            boolean batch, SessionRequest request, Map<HookId, List<Step>> steps) {
        HookedKey key = new HookedKey(batch, Set.copyOf(request.hooks()), steps);
        GraphCache.Lease<OpenGraph> lease = hooked.lease(key, () -> {
            Graph graph = batch
                    ? GraphWriter.batch(spec, encodings, plan, target, request.hooks(), steps)
                    : GraphWriter.hooked(spec, encodings, plan, target, request.hooks(), steps);
            return new OpenGraph(graph, weights, target, false);
        });
        count();
        return lease;
    }

    @Override
    public synchronized Tensor unembed(Tensor resid) {
        if (unembedding == null) {
            unembedding = new OpenGraph(GraphWriter.unembedding(spec, encodings, plan, target), weights, target, true);
            count();
        }
        String output = unembedding.graph().logits();
        return unembedding.once(
                feed -> feed.floats("resid", resid.toFloats(), resid.shape()), Set.of(output), result -> {
                    OnnxTensor logits = OpenGraph.output(result, output);
                    ByteBuffer bytes = logits.getByteBuffer().order(ByteOrder.LITTLE_ENDIAN);
                    return Tensor.of(DType.F32, bytes, logits.getInfo().getShape());
                });
    }

    @Override
    public synchronized void close() {
        hooked.close();
        if (unembedding != null) unembedding.close();
        if (fused != null) fused.close();
        weights.close();
        memory.close();
    }
}
