package org.llminspector.engine.torch.libtorch;

import ai.djl.pytorch.jni.JniUtils;
import org.llminspector.spec.DecoderSpec;
import org.llminspector.spec.LayerSpec;

/**
 * Number of threads of libtorch's operations, chosen by the size of the operation: each barrier between threads costs
 * more than a small product, above all when another program occupies a core. Called on the engine's thread only:
 * OpenMP's setting is thread-local.
 */
public final class Threads {

    /**
     * Multiplications per thread below which another thread does not pay: 1 MiB of float32 weights for one position.
     */
    private static final long WORTH = 1 << 18;

    private static int most; // of the process: ai.djl.pytorch.num_threads, OMP_NUM_THREADS, or one per core
    private static int now;

    private Threads() {}

    /** Largest number of threads of an operation in this process. */
    public static int most() {
        if (most == 0) most = now = JniUtils.getNumThreads();
        return most;
    }

    /** Sets the number of threads of the operations that follow. */
    public static void use(int count) {
        most();
        if (count == now) return;
        JniUtils.setNumThreads(count);
        now = count;
    }

    /** Sets the largest number of threads. */
    public static void useAll() {
        use(most());
    }

    /** Sets the threads of a pass over {@code positions} tokens by the largest matrix product of a layer. */
    public static void useFor(DecoderSpec spec, int positions) {
        use((int) Math.max(1, Math.min(most(), largest(spec) * positions / WORTH)));
    }

    /** Elements of the largest matrix, without the unembedding. */
    private static long largest(DecoderSpec spec) {
        long widest = spec.dModel();
        for (LayerSpec layer : spec.layers()) {
            widest = Math.max(widest, layer.mlp().dMlp() * (layer.mlp().gated() ? 2L : 1));
        }
        return widest * spec.dModel();
    }
}
