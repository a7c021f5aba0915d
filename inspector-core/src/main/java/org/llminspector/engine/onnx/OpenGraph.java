package org.llminspector.engine.onnx;

import ai.onnxruntime.OnnxTensorLike;
import ai.onnxruntime.OnnxValue;
import ai.onnxruntime.OrtSession;
import ai.onnxruntime.OrtSession.SessionOptions;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.llminspector.base.Trim;
import org.llminspector.engine.onnx.Ort.Work;

/** OpenGraph is a written graph that ONNX Runtime has made ready to run. */
final class OpenGraph implements AutoCloseable {

    private static final long RELEASE_MS = 20;

    private final Graph graph;
    private final boolean fused;
    private final OrtSession session;
    private final Memory memory;
    private final long packed;

    /**
     * Opens a graph over weights that stay where they are.
     *
     * @param fused lets ONNX Runtime fuse what it can and pack matrices for its kernels; else the graph runs as it is
     *     written, so that a value is the same whether or not it is looked at, and packs only where a kernel needs it
     */
    OpenGraph(Graph graph, OnnxWeights weights, Target target, boolean fused) {
        this.graph = graph;
        this.fused = fused;
        boolean packs = fused || graph.packed();
        Work<OrtSession> create = env -> {
            try (SessionOptions options = target.options(fused, packs, true)) {
                Map<String, OnnxTensorLike> named = weights.named(graph.weights());
                options.addExternalInitializers(named); // what optimizations read
                if (target.device() == null) {
                    // What kernels read: else each is copied, and what is not packed stays a copy.
                    for (Map.Entry<String, OnnxTensorLike> w : named.entrySet())
                        options.addInitializer(w.getKey(), w.getValue());
                }
                return env.createSession(graph.model(), options);
            }
        };
        this.session = packs ? releasing(weights, graph.weights(), create) : Ort.call(create);
        Trim.memory(); // of what creating a session took and freed
        try {
            this.memory = Memory.of(session, target);
        } catch (RuntimeException | Error e) {
            Ort.close(session);
            throw e;
        }
        this.packed = packs ? weights.matrices(graph.weights()) : 0;
    }

    /** Each matrix is read once, to be packed: pages of files are given back meanwhile, so that they never add up. */
    private static OrtSession releasing(OnnxWeights weights, Set<String> names, Work<OrtSession> create) {
        CountDownLatch made = new CountDownLatch(1);
        Thread releasing = new Thread(
                () -> {
                    try {
                        while (!made.await(RELEASE_MS, TimeUnit.MILLISECONDS)) weights.release(names);
                    } catch (InterruptedException e) {
                        Thread.currentThread().interrupt(); // nobody does
                    }
                },
                "releasing");
        releasing.setDaemon(true);
        releasing.start();
        try {
            return Ort.call(create);
        } finally {
            made.countDown();
            weights.release(names);
        }
    }

    Graph graph() {
        return graph;
    }

    boolean fused() {
        return fused;
    }

    /** About how many bytes of its weights ONNX Runtime holds again, packed for its kernels: it does not say. */
    long packed() {
        return packed;
    }

    /** Where its KV caches lie. */
    Memory memory() {
        return memory;
    }

    OrtSession.Result run(Map<String, OnnxTensorLike> inputs, Set<String> requested, Map<String, OnnxValue> pinned) {
        return Ort.call(env -> session.run(inputs, requested, pinned));
    }

    @Override
    public void close() {
        memory.close();
        Ort.close(session);
    }
}
