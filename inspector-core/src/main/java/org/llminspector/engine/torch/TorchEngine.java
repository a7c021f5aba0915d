package org.llminspector.engine.torch;

import ai.djl.Device;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.NDScope;
import ai.djl.pytorch.jni.JniUtils;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.llminspector.base.DType;
import org.llminspector.base.Problem;
import org.llminspector.base.Tensor;
import org.llminspector.capture.CaptureMemory;
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
import org.llminspector.engine.torch.libtorch.Threads;
import org.llminspector.engine.torch.libtorch.TorchDevices;
import org.llminspector.family.Weights;
import org.llminspector.spec.DecoderSpec;

/** A model open on DJL's PyTorch engine; the entry of this package. */
public final class TorchEngine implements InspectorEngine {

    private static final String BF16_WHY = "a bfloat16 NDArray aborts the JVM (DJL 0.36)";
    private static final String BF16_INSTEAD =
            "bfloat16 checkpoints open in fp32 or fp16: they are upcast while loading";

    private static final String FEW_BITS_WHY = "DJL has no kernels for weights of few bits";
    private static final String FEW_BITS_INSTEAD = "use the onnx engine";

    private final Weights model;
    private final DecoderSpec spec;
    private final TorchWeights weights;
    private final NDManager manager;
    private final TorchDecoder decoder;
    private final EngineInfo info;
    private final CaptureMemory memory;
    private final KvFormats kvFormats;
    private final String made;
    private final Map<KvFormats, TorchEngine> views = new HashMap<>(); // the same weights with other KV cache formats
    private final boolean owner; // of the weights; a view is not

    private TorchEngine(
            Weights model,
            TorchWeights weights,
            NDManager manager,
            KvFormats kvFormats,
            String made,
            EngineInfo info,
            CaptureMemory memory,
            boolean owner) {
        this.model = model;
        this.spec = model.spec();
        this.weights = weights;
        this.manager = manager;
        this.kvFormats = kvFormats;
        this.made = made;
        this.decoder = new TorchDecoder(spec, weights, manager, kvFormats);
        this.info = info;
        this.memory = memory;
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
        if (precision != Precision.FP32 && precision != Precision.FP16) throw refused(precision);
        NDManager manager = EngineThread.call(() -> {
            EngineThread.engine();
            return NDManager.newBaseManager(TorchDevices.choose(device), "PyTorch");
        });
        try {
            // Only single arrays are made on the engine's thread, so that other models can run meanwhile.
            TorchWeights loaded = new TorchWeights(weights, manager, precision, most(manager.getDevice(), most));
            return EngineThread.call(() -> open(weights, loaded, manager, precision, kvFormats, made, from));
        } catch (RuntimeException | Error e) {
            EngineThread.call(() -> {
                manager.close();
                return null;
            });
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

    private static TorchEngine open(
            Weights weights,
            TorchWeights loaded,
            NDManager manager,
            Precision precision,
            KvFormats kvFormats,
            String made,
            long from) {
        Device place = manager.getDevice();
        EngineInfo info = new EngineInfo(
                "torch",
                EngineThread.engine().getVersion(),
                "hooked",
                TorchDevices.id(place),
                precision,
                arithmetic(precision, place, kvFormats, made),
                Threads.most(),
                (System.nanoTime() - from) / 1e6,
                loaded.bytes());
        return new TorchEngine(weights, loaded, manager, kvFormats, made, info, new CaptureMemory(), true);
    }

    @Override
    public synchronized InspectorEngine withKvFormats(KvFormats formats) {
        KvFormats wanted = formats == null ? KvFormats.FP32 : formats;
        return wanted.equals(kvFormats) ? this : views.computeIfAbsent(wanted, this::view);
    }

    private TorchEngine view(KvFormats formats) {
        return EngineThread.call(() -> {
            EngineInfo other = info.withArithmetic(arithmetic(info.precision(), manager.getDevice(), formats, made));
            return new TorchEngine(model, weights, manager, formats, made, other, memory, false);
        });
    }

    private static Problem refused(Precision precision) {
        boolean bf16 = precision == Precision.BF16;
        return Problem.unsupported("the torch engine has no " + precision.label() + " arithmetic")
                .where("precision")
                .expected("fp32 or fp16")
                .found(precision.label() + ": " + (bf16 ? BF16_WHY : FEW_BITS_WHY))
                .instead(bf16 ? BF16_INSTEAD : FEW_BITS_INSTEAD);
    }

    /** What this engine can do on this machine. */
    public static Capabilities capabilities() {
        var devices = TorchDevices.list();
        return EngineThread.call(() -> {
            Device best = TorchDevices.choose("auto");
            List<PrecisionSupport> precisions = new ArrayList<>();
            for (Precision p : List.of(Precision.FP32, Precision.FP16)) {
                precisions.add(new PrecisionSupport(p, true, arithmetic(p, best), null, null));
            }
            precisions.add(new PrecisionSupport(Precision.BF16, false, null, BF16_WHY, BF16_INSTEAD));
            for (Precision p : List.of(Precision.INT8, Precision.INT8_WEIGHT, Precision.INT4_32, Precision.INT4_128)) {
                precisions.add(new PrecisionSupport(p, false, null, FEW_BITS_WHY, FEW_BITS_INSTEAD));
            }
            return new Capabilities("torch", EngineThread.engine().getVersion(), true, devices, precisions, null, null);
        });
    }

    private static String arithmetic(Precision precision, Device place, KvFormats formats, String made) {
        return arithmetic(precision, place) + cache(formats) + (made.isEmpty() ? "" : "; weights simulated: " + made);
    }

    private static String cache(KvFormats formats) {
        return formats.equals(KvFormats.FP32) ? "" : "; KV cache in " + formats.words();
    }

    private static String arithmetic(Precision precision, Device device) {
        if (precision == Precision.FP32) return "fp32";
        return device.isGpu()
                ? "fp16 matrix products, fp32 residual stream, norms and attention"
                : "fp16 weights; fp32 residual stream, norms and attention; one position at a time multiplies in fp16";
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
    public MemoryUse memory() {
        return new MemoryUse(weights.bytes() - weights.mappedBytes() + memory.bytes(), weights.mappedBytes());
    }

    @Override
    public void trim() {
        memory.shrink(0);
    }

    @Override
    public Session begin(SessionRequest request) {
        return EngineThread.call(() -> new TorchSession(spec, decoder, manager, request, memory));
    }

    @Override
    public Tensor unembed(Tensor resid) {
        return EngineThread.call(() -> {
            Threads.useAll();
            try (NDScope scope = new NDScope();
                    NDManager own = manager.newSubManager()) {
                scope.suppressNotUsedWarning();
                NDArray logits = decoder.unembed(TorchWeights.floats(own, resid));
                ByteBuffer bytes = logits.toByteBuffer(true);
                ByteBuffer copy = ByteBuffer.allocate(bytes.remaining()).order(ByteOrder.LITTLE_ENDIAN);
                copy.put(bytes).flip();
                return Tensor.of(DType.F32, copy, logits.getShape().getShape());
            }
        });
    }

    @Override
    public Gradients gradients(GradientRequest request) {
        return EngineThread.call(() -> {
            Threads.useAll();
            if (info.precision() == Precision.FP32 && !request.parameters()) {
                return new GradientPass(decoder, weights, manager).run(request);
            }
            // A temporary float32 copy of the weights; their gradients take as much memory again.
            try (NDManager own = manager.newSubManager();
                    TorchWeights exact = request.parameters()
                            ? TorchWeights.whole(model, own)
                            : new TorchWeights(model, own, Precision.FP32, most(own.getDevice(), keptExperts()))) {
                return new GradientPass(TorchDecoder.hooked(spec, exact, own), exact, own).run(request);
            }
        });
    }

    @Override
    public void close() {
        if (!owner) return;
        EngineThread.call(() -> {
            weights.close();
            // Otherwise libtorch keeps the GPU's memory for its next model, out of ONNX Runtime's reach.
            if (!info.device().equals("cpu")) JniUtils.emptyCudaCache();
            return null;
        });
        memory.close();
    }
}
