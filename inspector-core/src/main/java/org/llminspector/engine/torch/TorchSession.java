package org.llminspector.engine.torch;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import java.util.List;
import java.util.Map;
import java.util.SortedSet;
import java.util.function.BiConsumer;
import java.util.function.Function;
import org.llminspector.base.Tensor;
import org.llminspector.capture.Capture;
import org.llminspector.capture.CaptureBuffers;
import org.llminspector.capture.CaptureMemory;
import org.llminspector.engine.PartTime;
import org.llminspector.engine.Session;
import org.llminspector.engine.SessionRequest;
import org.llminspector.engine.cache.KvCacheReport;
import org.llminspector.engine.cache.KvFormats;
import org.llminspector.engine.cache.KvPrefix;
import org.llminspector.engine.cache.KvShape;
import org.llminspector.engine.torch.libtorch.EngineThread;
import org.llminspector.engine.torch.libtorch.Threads;
import org.llminspector.hook.HookId;
import org.llminspector.hook.StreamHooks;
import org.llminspector.spec.DecoderSpec;

/** One sequence on the torch engine. Each call runs on the engine thread. */
final class TorchSession implements Session {

    private final DecoderSpec spec;
    private final NDManager manager;
    private final TorchDecoder decoder;
    private final KvCache cache;
    private final RecordingTap tap;
    private final CaptureBuffers buffers;
    private long copyOutNanos;

    TorchSession(
            DecoderSpec spec,
            TorchDecoder decoder,
            NDManager parent,
            KvFormats kvFormats,
            SessionRequest request,
            CaptureMemory memory) {
        this.spec = spec;
        this.manager = parent.newSubManager();
        this.decoder = decoder;
        try {
            Map<HookId, List<Change>> changes = Change.all(request, spec, manager, i -> null);
            List<KvShape> shapes = KvShape.of(spec, changes.keySet());
            this.cache = new KvCache(spec, shapes, manager, kvFormats, request.maxPositions());
            if (request.prefix() != null) cache.begin(request.prefix());
            this.tap = new RecordingTap(request.hooks(), changes, request.hooked(), StreamHooks.between(spec));
            this.buffers = new CaptureBuffers(spec, request.hooks(), request.maxPositions(), memory);
        } catch (RuntimeException | Error e) {
            manager.close(); // frees every array made so far
            throw e;
        }
    }

    /** [1, pos]. */
    private NDArray ids(int[] tokens) {
        long[] ids = new long[tokens.length];
        for (int i = 0; i < ids.length; i++) ids[i] = tokens[i];
        return manager.create(ids, new Shape(1, ids.length));
    }

    @Override
    public List<PartTime> timed(int[] tokens) {
        return EngineThread.scoped(() -> {
            Threads.useFor(spec, tokens.length);
            TimingTap clock = new TimingTap(manager.getDevice().isGpu());
            NDArray ids = ids(tokens);
            cache.reserve(tokens.length);
            clock.begin();
            decoder.forward(ids, cache, clock);
            return clock.times();
        });
    }

    @Override
    public boolean visit(int[] tokens, SortedSet<HookId> hooks, BiConsumer<HookId, Tensor> visitor) {
        return pass(tokens, new VisitingTap(tap, hooks, visitor), logits -> true);
    }

    @Override
    public float[] append(int[] tokens) {
        return pass(tokens, tap, logits -> {
            long rows = logits.getShape().get(1);
            float[] last = logits.get(0, rows - 1).toFloatArray();
            long from = System.nanoTime();
            tap.copyOut(buffers);
            copyOutNanos += System.nanoTime() - from;
            return last;
        });
    }

    private <T> T pass(int[] tokens, PassTap through, Function<NDArray, T> read) {
        return EngineThread.scoped(() -> {
            Threads.useFor(spec, tokens.length);
            tap.pass(cache.length(), tokens.length);
            try {
                cache.reserve(tokens.length);
                return read.apply(decoder.forward(ids(tokens), cache, through));
            } finally {
                tap.close();
            }
        });
    }

    @Override
    public String form() {
        return tap.seesInside() ? "hooked" : "fused";
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
        return EngineThread.scoped(() -> cache.prefix(positions));
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
        buffers.close();
        EngineThread.run(manager::close);
    }
}
