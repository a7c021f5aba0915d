package org.llminspector.engine.torch;

import ai.djl.Device;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import ai.djl.pytorch.jni.JniUtils;
import java.util.HashMap;
import java.util.Map;
import java.util.Set;
import java.util.SortedMap;
import java.util.function.BiConsumer;
import java.util.function.Function;
import org.llminspector.base.Tensor;
import org.llminspector.capture.CaptureMemory;
import org.llminspector.engine.Batch;
import org.llminspector.engine.Capabilities;
import org.llminspector.engine.Capabilities.PrecisionSupport;
import org.llminspector.engine.EngineInfo;
import org.llminspector.engine.GradientRequest;
import org.llminspector.engine.Gradients;
import org.llminspector.engine.InspectorEngine;
import org.llminspector.engine.MemoryUse;
import org.llminspector.engine.Precision;
import org.llminspector.engine.Session;
import org.llminspector.engine.SessionRequest;
import org.llminspector.engine.cache.KvFormats;
import org.llminspector.engine.torch.libtorch.EngineThread;
import org.llminspector.engine.torch.libtorch.Tensors;
import org.llminspector.engine.torch.libtorch.Threads;
import org.llminspector.engine.torch.libtorch.TorchDevices;
import org.llminspector.family.Weights;
import org.llminspector.hook.HookId;
import org.llminspector.hook.StreamHooks;
import org.llminspector.spec.DecoderSpec;

/** A model open on DJL's PyTorch engine; the entry of this package. */
public final class TorchEngine implements InspectorEngine {

    private static final String BF16_WHY = "a bfloat16 NDArray aborts the JVM (DJL 0.36)";
    private static final String BF16_INSTEAD =
            "bfloat16 checkpoints open in fp32 or fp16: they are upcast while loading";

    private static final String FEW_BITS_WHY = "DJL has no kernels for weights of few bits";
    private static final String FEW_BITS_INSTEAD = "use the onnx engine";

    /**
     * What views with other KV cache formats share with the engine that owns it.
     *
     * @param made the simulated quantization of the weights, in words, or empty
     */
    private record Opened(
            Weights model,
            TorchWeights weights,
            NDManager manager,
            Precision precision,
            String made,
            CaptureMemory memory) {}

    private final Opened opened;
    private final NDManager manager;
    private final TorchDecoder decoder;
    private final EngineInfo info;
    private final KvFormats kvFormats;
    private final Map<KvFormats, TorchEngine> views = new HashMap<>();
    private final boolean owner;

    private TorchEngine(Opened opened, EngineInfo info, KvFormats kvFormats, boolean owner) {
        this.opened = opened;
        this.manager = opened.manager();
        this.info = info;
        this.kvFormats = kvFormats;
        FusedLayers fused = new FusedLayers(spec(), opened.weights(), manager, kvFormats);
        this.decoder = new TorchDecoder(spec(), opened.weights(), manager, fused);
        this.owner = owner;
    }

    /**
     * Loads a model.
     *
     * @param device {@code auto} (a GPU when there is one), {@code cpu}, {@code cuda:N}
     */
    public static TorchEngine open(Weights weights, String device, Precision precision) {
        return open(weights, device, precision, KvFormats.FP32, "");
    }

    /**
     * Loads a model.
     *
     * @param kvFormats of the caches of its sequences
     * @param made the simulated quantization of the weights, in words, or empty
     */
    public static TorchEngine open(
            Weights weights, String device, Precision precision, KvFormats kvFormats, String made) {
        return open(weights, device, precision, kvFormats, made, keptExperts());
    }

    /** @param most limit of converted experts kept on a CPU, in bytes */
    static TorchEngine open(Weights weights, String device, Precision precision, long most) {
        return open(weights, device, precision, KvFormats.FP32, "", most);
    }

    private static TorchEngine open(
            Weights weights, String device, Precision precision, KvFormats kvFormats, String made, long most) {
        long from = System.nanoTime();
        PrecisionSupport support = support(precision, Device.cpu());
        if (!support.available()) throw support.refused("torch", "fp32 or fp16");
        NDManager manager = EngineThread.call(() -> {
            EngineThread.engine();
            return NDManager.newBaseManager(TorchDevices.choose(device), "PyTorch");
        });
        try {
            // Only single arrays are made on the engine's thread, so that other models can run meanwhile.
            TorchWeights loaded = new TorchWeights(weights, manager, precision, most(manager.getDevice(), most));
            Opened opened = new Opened(weights, loaded, manager, precision, made, new CaptureMemory());
            return EngineThread.call(() -> new TorchEngine(opened, info(opened, kvFormats, from), kvFormats, true));
        } catch (RuntimeException | Error e) {
            EngineThread.run(manager::close);
            throw e;
        }
    }

    /**
     * Limit of converted experts that an open model keeps, in bytes: a quarter of this machine's memory. Experts of a
     * larger mixture are read from its file again when tokens are routed to them.
     */
    public static long keptExperts() {
        return TorchDevices.memory() / 4;
    }

    /** No limit on a GPU, which must fit all experts. */
    private static long most(Device device, long onCpu) {
        return device.isGpu() ? Long.MAX_VALUE : onCpu;
    }

    /** @param from when opening began, in nanoseconds */
    private static EngineInfo info(Opened opened, KvFormats kvFormats, long from) {
        return new EngineInfo(
                "torch",
                EngineThread.engine().getVersion(),
                "hooked",
                TorchDevices.id(opened.manager().getDevice()),
                opened.precision(),
                arithmetic(opened, kvFormats),
                Threads.most(),
                (System.nanoTime() - from) / 1e6,
                opened.weights().bytes());
    }

    @Override
    public synchronized InspectorEngine withKvFormats(KvFormats formats) {
        KvFormats wanted = formats == null ? KvFormats.FP32 : formats;
        if (wanted.equals(kvFormats)) return this;
        return views.computeIfAbsent(
                wanted,
                f -> EngineThread.call(
                        () -> new TorchEngine(opened, info.withArithmetic(arithmetic(opened, f)), f, false)));
    }

    private static PrecisionSupport support(Precision precision, Device device) {
        return switch (precision) {
            case FP32, FP16 -> PrecisionSupport.of(precision, arithmetic(precision, device));
            case BF16 -> PrecisionSupport.none(precision, BF16_WHY, BF16_INSTEAD);
            case INT8, INT8_WEIGHT, INT4_32, INT4_128 ->
                PrecisionSupport.none(precision, FEW_BITS_WHY, FEW_BITS_INSTEAD);
        };
    }

    /** What this engine can do on this machine. */
    public static Capabilities capabilities() {
        var devices = TorchDevices.list();
        return EngineThread.call(() -> {
            Device best = TorchDevices.choose("auto");
            return Capabilities.of("torch", EngineThread.engine().getVersion(), devices, p -> support(p, best));
        });
    }

    private static String arithmetic(Opened opened, KvFormats formats) {
        String cache = formats.equals(KvFormats.FP32) ? "" : "; KV cache in " + formats.words();
        String simulated = opened.made().isEmpty() ? "" : "; weights simulated: " + opened.made();
        return arithmetic(opened.precision(), opened.manager().getDevice()) + cache + simulated;
    }

    private static String arithmetic(Precision precision, Device device) {
        if (precision == Precision.FP32) return "fp32";
        return device.isGpu()
                ? "fp16 matrix products, fp32 residual stream, norms and attention"
                : "fp16 weights; fp32 residual stream, norms and attention; one position at a time multiplies in fp16";
    }

    @Override
    public DecoderSpec spec() {
        return opened.model().spec();
    }

    @Override
    public EngineInfo info() {
        return info;
    }

    @Override
    public MemoryUse memory() {
        long mapped = opened.weights().mappedBytes();
        return new MemoryUse(opened.weights().bytes() - mapped + opened.memory().bytes(), mapped);
    }

    @Override
    public void trim() {
        opened.memory().shrink(0);
    }

    @Override
    public Session begin(SessionRequest request) {
        return EngineThread.call(() -> new TorchSession(spec(), decoder, manager, kvFormats, request, opened.memory()));
    }

    @Override
    public void run(Batch batch, BiConsumer<HookId, Tensor> visitor) {
        EngineThread.scoped(() -> {
            Threads.useFor(spec(), batch.size() * batch.length());
            try (NDManager own = manager.newSubManager()) {
                PassTap tap =
                        new VisitingTap(changes(batch, own), batch.request().hooks(), visitor);
                NDArray ids = own.create(batch.ids(), new Shape(batch.size(), batch.length()));
                decoder.forward(ids, KvCache.none(), tap, batch.firstLayer(spec()));
                return null;
            }
        });
    }

    @Override
    public boolean startsAtLayers() {
        return true;
    }

    private RecordingTap changes(Batch batch, NDManager own) {
        return new RecordingTap(
                Set.of(), Change.all(batch.request(), spec(), own, batch::changed), true, StreamHooks.between(spec()));
    }

    @Override
    public Tensor unembed(Tensor resid) {
        return EngineThread.scoped(() -> {
            Threads.useAll();
            try (NDManager own = manager.newSubManager()) {
                return Tensors.copy(decoder.unembed(Tensors.floats(own, resid)));
            }
        });
    }

    @Override
    public Gradients gradients(GradientRequest request) {
        return exact(request.parameters(), pass -> pass.run(request));
    }

    @Override
    public SortedMap<HookId, Tensor> pullback(Batch batch, HookId of, Tensor cotangent) {
        return exact(false, pass -> pass.pullback(batch, of, cotangent));
    }

    /** A pass over float32 weights. */
    private <T> T exact(boolean parameters, Function<GradientPass, T> work) {
        return EngineThread.call(() -> {
            Threads.useAll();
            if (info.precision() == Precision.FP32 && !parameters) {
                return work.apply(new GradientPass(spec(), decoder, opened.weights(), manager));
            }
            // A temporary float32 copy of the weights; their gradients take as much memory again.
            try (NDManager own = manager.newSubManager();
                    TorchWeights exact = parameters
                            ? TorchWeights.whole(opened.model(), own)
                            : new TorchWeights(
                                    opened.model(), own, Precision.FP32, most(own.getDevice(), keptExperts()))) {
                return work.apply(new GradientPass(spec(), new TorchDecoder(spec(), exact, own, null), exact, own));
            }
        });
    }

    @Override
    public void close() {
        if (!owner) return;
        EngineThread.run(() -> {
            opened.weights().close();
            // Otherwise libtorch keeps the GPU's memory for its next model, out of ONNX Runtime's reach.
            if (!info.device().equals("cpu")) JniUtils.emptyCudaCache();
        });
        opened.memory().close();
    }
}
