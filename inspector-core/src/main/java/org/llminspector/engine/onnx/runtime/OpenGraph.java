package org.llminspector.engine.onnx.runtime;

import ai.onnxruntime.OnnxTensor;
import ai.onnxruntime.OnnxTensorLike;
import ai.onnxruntime.OnnxValue;
import ai.onnxruntime.OrtSession;
import ai.onnxruntime.OrtSession.SessionOptions;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import java.util.function.Function;
import org.llminspector.base.platform.Trim;
import org.llminspector.engine.onnx.graph.Graph;
import org.llminspector.engine.onnx.runtime.Ort.Work;

/** A graph with its ONNX Runtime session. */
public final class OpenGraph implements AutoCloseable {

    private static final long RELEASE_MS = 20;

    private final Graph graph;
    private final boolean fused;
    private final OrtSession session;
    private final Memory memory;
    private final long packed;

    /**
     * Opens a graph over weights that are not copied.
     *
     * @param fused lets ONNX Runtime fuse operators and prepack matrices; else the graph runs as written, so that a
     *     value does not depend on whether it is hooked, and prepacks only where a kernel needs it
     */
    public OpenGraph(Graph graph, OnnxWeights weights, Target target, boolean fused) {
        this.graph = graph;
        this.fused = fused;
        boolean packs = fused || graph.packed();
        Work<OrtSession> create = env -> {
            try (SessionOptions options = target.options(fused, packs, true)) {
                Map<String, OnnxTensorLike> named = weights.named(graph.weights());
                options.addExternalInitializers(named); // for optimizations
                if (target.device() == null) {
                    // For kernels: without this each weight is copied, and stays a copy unless prepacked.
                    for (Map.Entry<String, OnnxTensorLike> w : named.entrySet())
                        options.addInitializer(w.getKey(), w.getValue());
                }
                return env.createSession(graph.model(), options);
            }
        };
        this.session = packs ? releasing(weights, graph.weights(), create) : Ort.call(create);
        Trim.memory(); // freed while the session was created
        try {
            this.memory = Memory.of(session, target);
        } catch (RuntimeException | Error e) {
            Ort.close(session);
            throw e;
        }
        this.packed = packs ? weights.matrices(graph.weights()) : 0;
    }

    /** Creates a session while another thread releases mapped pages: each matrix is read only once, to be prepacked. */
    private static OrtSession releasing(OnnxWeights weights, Set<String> names, Work<OrtSession> create) {
        CountDownLatch made = new CountDownLatch(1);
        Thread releasing = new Thread(
                () -> {
                    try {
                        while (!made.await(RELEASE_MS, TimeUnit.MILLISECONDS)) weights.release(names);
                    } catch (InterruptedException e) {
                        Thread.currentThread().interrupt(); // does not happen
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

    public Graph graph() {
        return graph;
    }

    public boolean fused() {
        return fused;
    }

    /** Estimate of ONNX Runtime's prepacked copies of weights, in bytes, which it does not report. */
    public long packed() {
        return packed;
    }

    /** Allocator of its KV caches. */
    public Memory memory() {
        return memory;
    }

    public OrtSession.Result run(
            Map<String, OnnxTensorLike> inputs, Set<String> requested, Map<String, OnnxValue> pinned) {
        return Ort.call(env -> session.run(inputs, requested, pinned));
    }

    /** One pass over inputs that are made for it alone. */
    public <T> T once(Consumer<Feed> inputs, Set<String> outputs, Function<OrtSession.Result, T> read) {
        try (Feed feed = new Feed()) {
            inputs.accept(feed);
            try (OrtSession.Result result = run(feed.inputs(), outputs, Map.of())) {
                return read.apply(result);
            }
        }
    }

    /** An output of a pass, valid while its result is open. */
    public static OnnxTensor output(OrtSession.Result result, String name) {
        return (OnnxTensor) result.get(name).orElseThrow();
    }

    @Override
    public void close() {
        memory.close();
        Ort.close(session);
    }
}
