package org.llminspector.engine.onnx;

import ai.onnxruntime.OnnxValue;
import ai.onnxruntime.OrtSession;
import java.nio.ByteBuffer;
import java.nio.FloatBuffer;
import java.util.HashMap;
import java.util.HashSet;
import java.util.Map;
import java.util.Set;
import org.llminspector.capture.Capture;
import org.llminspector.capture.CaptureBuffers;
import org.llminspector.capture.CaptureMemory;
import org.llminspector.engine.Session;
import org.llminspector.engine.SessionRequest;
import org.llminspector.engine.cache.KvCacheReport;
import org.llminspector.engine.cache.KvPrefix;
import org.llminspector.engine.onnx.graph.Graph;
import org.llminspector.engine.onnx.graph.Type;
import org.llminspector.engine.onnx.runtime.Feed;
import org.llminspector.engine.onnx.runtime.OpenGraph;
import org.llminspector.hook.HookId;
import org.llminspector.hook.HookPoint;
import org.llminspector.hook.HookShape;
import org.llminspector.spec.DecoderSpec;

/** One sequence on one graph of a model. */
final class OnnxSession implements Session {

    private final DecoderSpec spec;
    private final OpenGraph open;
    private final Runnable release;
    private final Graph graph;
    private final Map<HookId, String> hooks;
    private final Set<String> requested;
    private final boolean everyPosition;
    private final Feed feed = new Feed();
    private final KvCache cache;
    private final PositionInputs places;
    private final InterventionInputs changes;
    private final CaptureBuffers buffers;
    private long copyOutNanos;

    OnnxSession(DecoderSpec spec, OpenGraph open, SessionRequest request, CaptureMemory memory, Runnable release) {
        this.spec = spec;
        this.open = open;
        this.release = release;
        this.graph = open.graph();
        this.hooks = new HashMap<>(graph.hooks());
        HookId logits = HookId.of(HookPoint.LOGITS);
        if (request.hooks().contains(logits)) hooks.put(logits, graph.logits());
        this.requested = new HashSet<>(graph.means().values());
        if (!hooks.containsValue(graph.logits())) requested.add(graph.logits());
        this.everyPosition = hooks.keySet().stream().anyMatch(OnnxSession::afterTheBlocks)
                || graph.steps().stream().anyMatch(s -> afterTheBlocks(s.hook()));
        Map<String, HookId> first = new HashMap<>();
        Map<HookId, HookId> same = new HashMap<>(); // a block's input is the output of the block before it
        for (HookId id : request.hooks()) {
            HookId other = first.putIfAbsent(hooks.get(id), id);
            if (other != null) same.put(id, other);
        }
        this.buffers = new CaptureBuffers(spec, request.hooks(), request.maxPositions(), memory, same);
        KvCache made = null;
        try {
            Map<String, ByteBuffer> captured = new HashMap<>(); // rotated keys and values
            graph.cache().forEach((name, output) -> {
                if (first.containsKey(output)) captured.put(name, buffers.whole(first.get(output)));
            });
            made = new KvCache(spec, request.maxPositions(), graph, captured, open.memory());
            if (request.prefix() != null) made.begin(request.prefix());
            this.places = new PositionInputs(spec, graph.inputs());
            this.changes = new InterventionInputs(spec, request, graph);
        } catch (RuntimeException | Error e) {
            if (made != null) made.close();
            buffers.close();
            throw e;
        }
        this.cache = made;
    }

    private static boolean afterTheBlocks(HookId id) {
        return id.point().compareTo(HookPoint.LN_FINAL_SCALE) >= 0;
    }

    @Override
    public float[] append(int[] tokens) {
        int start = cache.length();
        int count = tokens.length;
        long[] ids = new long[count];
        for (int i = 0; i < count; i++) ids[i] = tokens[i];
        feed.longs("ids", ids, 1, count);
        long[] wanted = new long[everyPosition ? count : 1];
        for (int i = 0; i < wanted.length; i++) wanted[i] = (long) count - wanted.length + i;
        feed.longs("wanted_positions", wanted, wanted.length);
        cache.reserve(count);
        places.fill(feed, start, count, cache.capacity());
        changes.fill(feed, start, count);
        Map<HookId, ByteBuffer> kept = buffers.places(start, count);
        Map<String, OnnxValue> pinned = pinned(kept, start, count);
        pinned.putAll(cache.bind(feed, count, graph.cache()));
        try (OrtSession.Result result = open.run(feed.inputs(), requested, pinned)) {
            cache.advance(count);
            changes.take(result);
            long from = System.nanoTime();
            buffers.placed(start, count);
            copyOutNanos += System.nanoTime() - from;
            ByteBuffer logits = kept.get(HookId.of(HookPoint.LOGITS));
            return last(logits != null ? logits.asFloatBuffer() : logits(result));
        }
    }

    /** Tensors for ONNX Runtime to write hooked values to, by output; it refuses a value of another shape. */
    private Map<String, OnnxValue> pinned(Map<HookId, ByteBuffer> kept, int start, int count) {
        Map<String, OnnxValue> pinned = new HashMap<>();
        Set<String> cached = new HashSet<>(graph.cache().values());
        kept.forEach((id, place) -> {
            String output = hooks.get(id);
            if (cached.contains(output)) return; // the cache pins it, to the same memory
            long[] shape = HookShape.of(id.point(), spec, Math.max(0, id.layer()), count, (long) start + count);
            pinned.put(output, feed.own("captured " + output, Feed.tensor(place, Type.FLOAT, shape)));
        });
        return pinned;
    }

    /** [vocab] of the last position. */
    private float[] last(FloatBuffer logits) {
        float[] last = new float[spec.vocab()];
        logits.get(logits.limit() - last.length, last);
        return last;
    }

    private FloatBuffer logits(OrtSession.Result result) {
        return OpenGraph.output(result, graph.logits()).getFloatBuffer();
    }

    @Override
    public String form() {
        return open.fused() ? "fused" : "hooked";
    }

    @Override
    public int length() {
        return cache.length();
    }

    @Override
    public KvCacheReport kvCache() {
        return cache.report();
    }

    @Override
    public KvPrefix prefix(int positions) {
        return cache.prefix(positions);
    }

    @Override
    public Capture capture() {
        return buffers.build();
    }

    @Override
    public double captureMs() {
        return copyOutNanos / 1e6;
    }

    @Override
    public void close() {
        feed.close();
        cache.close();
        places.close();
        buffers.close();
        release.run();
    }
}
