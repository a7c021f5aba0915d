package org.llminspector.engine.onnx;

import ai.onnxruntime.OnnxTensor;
import ai.onnxruntime.OnnxValue;
import ai.onnxruntime.OrtSession;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.FloatBuffer;
import java.util.HashMap;
import java.util.HashSet;
import java.util.Map;
import java.util.Set;
import org.llminspector.capture.Capture;
import org.llminspector.capture.CaptureBuffers;
import org.llminspector.engine.KvCacheReport;
import org.llminspector.engine.Session;
import org.llminspector.engine.SessionRequest;
import org.llminspector.hook.HookId;
import org.llminspector.hook.HookPoint;
import org.llminspector.spec.DecoderSpec;

/** OnnxSession is one sequence on one form of a model. */
final class OnnxSession implements Session {

    private final DecoderSpec spec;
    private final OpenGraph open;
    private final Graph graph;
    private final Map<HookId, String> hooks;
    private final Set<String> requested;
    private final boolean everyPosition;
    private final Feed feed = new Feed();
    private final KvCache cache;
    private final Places places;
    private final Changes changes;
    private final CaptureBuffers buffers;
    private long copyOutNanos;

    OnnxSession(DecoderSpec spec, OpenGraph open, SessionRequest request) {
        this.spec = spec;
        this.open = open;
        this.graph = open.graph();
        this.hooks = new HashMap<>(graph.hooks());
        HookId logits = HookId.of(HookPoint.LOGITS);
        if (request.hooks().contains(logits)) hooks.put(logits, graph.logits());
        this.requested = new HashSet<>(hooks.values());
        requested.add(graph.logits());
        requested.addAll(graph.means().values());
        requested.removeAll(graph.cache().values());
        this.everyPosition = hooks.keySet().stream().anyMatch(OnnxSession::afterTheBlocks)
                || graph.steps().stream().anyMatch(s -> afterTheBlocks(s.hook()));
        this.cache = new KvCache(spec, request.maxPositions(), graph);
        this.places = new Places(spec, request.maxPositions(), graph.inputs());
        this.changes = new Changes(spec, request, graph);
        this.buffers = new CaptureBuffers(spec, request.hooks(), request.maxPositions());
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
        places.fill(feed, start, count);
        changes.fill(feed, start, count);
        Map<String, OnnxValue> pinned = cache.bind(feed, count, graph.cache());
        try (OrtSession.Result result = open.run(feed.inputs(), requested, pinned)) {
            cache.advance(count);
            changes.take(result);
            float[] last = last(result);
            long from = System.nanoTime();
            hooks.forEach((id, output) -> buffers.take(id, bytes(result, output), start, count));
            copyOutNanos += System.nanoTime() - from;
            return last;
        }
    }

    /** [vocab] of the last position. */
    private float[] last(OrtSession.Result result) {
        FloatBuffer logits = ((OnnxTensor) result.get(graph.logits()).orElseThrow()).getFloatBuffer();
        float[] last = new float[spec.vocab()];
        logits.get(logits.limit() - last.length, last);
        return last;
    }

    private static ByteBuffer bytes(OrtSession.Result result, String output) {
        OnnxTensor tensor = (OnnxTensor) result.get(output).orElseThrow();
        return tensor.getByteBuffer().order(ByteOrder.LITTLE_ENDIAN);
    }

    @Override
    public String form() {
        return open.fast() ? "fast" : "tapped";
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
        open.leave();
    }
}
