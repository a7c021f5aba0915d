package org.llminspector.engine.torch;

import ai.djl.pytorch.jni.JniUtils;
import org.llminspector.spec.DecoderSpec;
import org.llminspector.spec.LayerSpec;

/**
 * Threads is how many threads libtorch computes one operation with: by the operation's work, for each barrier between them
 * costs more than a small product, above all where another program keeps a core busy. Called on the engine's thread only: OpenMP
 * keeps the number by thread.
 */
final class Threads {

    /** Multiplications of one matrix product that are worth a thread: 1 MiB of float32 weights for one position. */
    private static final long WORTH = 1 << 18;

    private static int most; // of the process: ai.djl.pytorch.num_threads, OMP_NUM_THREADS, or a core each
    private static int now;

    private Threads() {}

    /** Most threads of one operation in this process. */
    static int most() {
        if (most == 0) most = now = JniUtils.getNumThreads();
        return most;
    }

    /** Sets the number of threads of the operations that follow. */
    static void use(int count) {
        most();
        if (count == now) return;
        JniUtils.setNumThreads(count);
        now = count;
    }

    /** Sets all threads of the process. */
    static void useAll() {
        use(most());
    }

    /** Sets the threads of a pass over {@code positions} tokens by the largest matrix product of a layer. */
    static void useFor(DecoderSpec spec, int positions) {
        use((int) Math.max(1, Math.min(most(), largest(spec) * positions / WORTH)));
    }

    /** Numbers of the largest matrix that one position is multiplied with, the unembedding aside. */
    private static long largest(DecoderSpec spec) {
        long widest = spec.dModel();
        for (LayerSpec layer : spec.layers()) {
            widest = Math.max(widest, layer.mlp().dMlp() * (layer.mlp().gated() ? 2L : 1));
        }
        return widest * spec.dModel();
    }
}
