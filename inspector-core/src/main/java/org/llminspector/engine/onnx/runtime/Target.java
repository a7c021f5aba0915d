package org.llminspector.engine.onnx.runtime;

import ai.onnxruntime.OrtException;
import ai.onnxruntime.OrtSession.SessionOptions;
import ai.onnxruntime.OrtSession.SessionOptions.OptLevel;
import ai.onnxruntime.providers.OrtCUDAProviderOptions;
import org.llminspector.engine.Kernel;
import org.llminspector.engine.Precision;
import org.llminspector.engine.PrecisionPlan;
import org.llminspector.engine.cache.KvFormats;

/**
 * Target device of a graph and its session. A CPU can run a graph written for CUDA, which tests such graphs without a
 * GPU, but not vice versa.
 *
 * @param device index of the CUDA device that runs it; null for the CPU
 * @param cuda whether it uses only operators that ONNX Runtime has on CUDA
 * @param threads per operation on the CPU
 */
public record Target(Integer device, boolean cuda, int threads) {

    public static Target cpu(int threads) {
        return new Target(null, false, threads);
    }

    public static Target cuda(int device) {
        return new Target(device, true, OnnxDevices.threads());
    }

    public String id() {
        return device == null ? "cpu" : "cuda:" + device;
    }

    /** Whether attention and the KV cache are in FP16 here. */
    public boolean usesFp16(PrecisionPlan plan) {
        boolean fused = plan.standard().weightOnly() && plan.kernel() == Kernel.FAST;
        return cuda && (fused || plan.standard() == Precision.FP16);
    }

    /** The formats of the KV cache: the plan's, or else those of attention here. */
    public KvFormats kvFormats(PrecisionPlan plan) {
        if (plan.kvCache() != null) return plan.kvCache();
        return usesFp16(plan) ? KvFormats.FP16 : KvFormats.FP32;
    }

    /**
     * @param fused lets ONNX Runtime fuse operators; else a graph runs as written
     * @param pack lets it prepack matrices for its kernels
     * @param whole whether to refuse a graph with an operator that CUDA lacks; else the CPU runs that operator
     */
    public SessionOptions options(boolean fused, boolean pack, boolean whole) throws OrtException {
        SessionOptions options = new SessionOptions();
        options.setIntraOpNumThreads(threads);
        options.setInterOpNumThreads(1);
        // Pool threads spin for a millisecond, with growing pauses, before they sleep.
        options.addConfigEntry("session.intra_op.spin_duration_us", "1000");
        options.addConfigEntry("session.intra_op.spin_backoff_max", "8");
        // The arena is faster on prompts, but keeps the largest pass's memory: gigabytes with captures.
        options.setCPUArenaAllocator(fused);
        options.addConfigEntry("session.use_device_allocator_for_initializers", "1");
        options.setOptimizationLevel(fused ? OptLevel.ALL_OPT : OptLevel.NO_OPT);
        if (!pack) options.addConfigEntry("session.disable_prepacking", "1");
        if (device == null) return options;
        if (whole) options.addConfigEntry("session.disable_cpu_ep_fallback", "1");
        addCuda(options);
        return options;
    }

    private void addCuda(SessionOptions options) throws OrtException {
        try (OrtCUDAProviderOptions cudaOptions = new OrtCUDAProviderOptions(device)) {
            cudaOptions.add("use_tf32", "0"); // the default rounds FP32 products to 10 mantissa bits
            cudaOptions.add("arena_extend_strategy", "kSameAsRequested");
            options.addCUDA(cudaOptions);
        }
    }
}
