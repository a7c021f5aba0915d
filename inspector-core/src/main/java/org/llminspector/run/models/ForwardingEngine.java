package org.llminspector.run.models;

import java.util.List;
import java.util.SortedMap;
import java.util.SortedSet;
import java.util.function.BiConsumer;
import org.llminspector.base.Tensor;
import org.llminspector.capture.Capture;
import org.llminspector.engine.Batch;
import org.llminspector.engine.EngineInfo;
import org.llminspector.engine.GradientRequest;
import org.llminspector.engine.Gradients;
import org.llminspector.engine.InspectorEngine;
import org.llminspector.engine.MemoryUse;
import org.llminspector.engine.PartTime;
import org.llminspector.engine.PrecisionPlan;
import org.llminspector.engine.Session;
import org.llminspector.engine.SessionRequest;
import org.llminspector.engine.cache.KvCacheReport;
import org.llminspector.engine.cache.KvFormats;
import org.llminspector.engine.cache.KvPrefix;
import org.llminspector.hook.HookId;
import org.llminspector.spec.DecoderSpec;

/** Decorator base of an engine: forwards every call; subclasses override some. */
abstract class ForwardingEngine implements InspectorEngine {

    final InspectorEngine engine;

    ForwardingEngine(InspectorEngine engine) {
        this.engine = engine;
    }

    @Override
    public DecoderSpec spec() {
        return engine.spec();
    }

    @Override
    public EngineInfo info() {
        return engine.info();
    }

    @Override
    public MemoryUse memory() {
        return engine.memory();
    }

    @Override
    public void trim() {
        engine.trim();
    }

    /** Every subclass wraps the resulting view. */
    @Override
    public abstract InspectorEngine withKvFormats(KvFormats formats);

    @Override
    public Session begin(SessionRequest request) {
        return engine.begin(request);
    }

    @Override
    public void run(Batch batch, BiConsumer<HookId, Tensor> visitor) {
        engine.run(batch, visitor);
    }

    @Override
    public boolean startsAtLayers() {
        return engine.startsAtLayers();
    }

    @Override
    public Tensor unembed(Tensor resid) {
        return engine.unembed(resid);
    }

    @Override
    public abstract InspectorEngine variant(PrecisionPlan plan);

    @Override
    public Gradients gradients(GradientRequest request) {
        return engine.gradients(request);
    }

    @Override
    public SortedMap<HookId, Tensor> pullback(Batch batch, HookId of, Tensor cotangent) {
        return engine.pullback(batch, of, cotangent);
    }

    @Override
    public void close() {
        engine.close();
    }

    /** Decorator base of a session: forwards every call. */
    abstract static class ForwardingSession implements Session {

        final Session session;

        ForwardingSession(Session session) {
            this.session = session;
        }

        @Override
        public float[] append(int[] tokens) {
            return session.append(tokens);
        }

        @Override
        public String form() {
            return session.form();
        }

        @Override
        public int length() {
            return session.length();
        }

        @Override
        public KvCacheReport kvCache() {
            return session.kvCache();
        }

        @Override
        public KvPrefix prefix(int positions) {
            return session.prefix(positions);
        }

        @Override
        public List<PartTime> timed(int[] tokens) {
            return session.timed(tokens);
        }

        @Override
        public boolean visit(int[] tokens, SortedSet<HookId> hooks, BiConsumer<HookId, Tensor> visitor) {
            return session.visit(tokens, hooks, visitor);
        }

        @Override
        public Capture capture() {
            return session.capture();
        }

        @Override
        public double captureMs() {
            return session.captureMs();
        }

        @Override
        public void close() {
            session.close();
        }
    }
}
