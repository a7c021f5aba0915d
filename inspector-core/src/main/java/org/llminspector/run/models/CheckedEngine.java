package org.llminspector.run.models;

import java.util.List;
import java.util.SortedSet;
import java.util.function.BiConsumer;
import org.llminspector.base.Tensor;
import org.llminspector.capture.Capture;
import org.llminspector.engine.EngineInfo;
import org.llminspector.engine.GradientRequest;
import org.llminspector.engine.Gradients;
import org.llminspector.engine.InspectorEngine;
import org.llminspector.engine.KvCacheReport;
import org.llminspector.engine.KvPrefix;
import org.llminspector.engine.MemoryUse;
import org.llminspector.engine.PartTime;
import org.llminspector.engine.PrecisionPlan;
import org.llminspector.engine.Session;
import org.llminspector.engine.SessionRequest;
import org.llminspector.hook.HookId;
import org.llminspector.spec.DecoderSpec;

/**
 * CheckedEngine is an engine whose results are refused when the model's files were written over meanwhile: after each pass it
 * looks whether they were, since weights that are lost read as zeros.
 *
 * @param readable throws a Problem when they were
 */
record CheckedEngine(InspectorEngine engine, Runnable readable) implements InspectorEngine {

    private <T> T checked(T result) {
        readable.run();
        return result;
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
    public Session begin(SessionRequest request) {
        readable.run();
        return new CheckedSession(engine.begin(request));
    }

    @Override
    public Tensor unembed(Tensor resid) {
        return checked(engine.unembed(resid));
    }

    @Override
    public InspectorEngine variant(PrecisionPlan plan) {
        return new CheckedEngine(engine.variant(plan), readable);
    }

    @Override
    public Gradients gradients(GradientRequest request) {
        return checked(engine.gradients(request));
    }

    @Override
    public void close() {
        engine.close();
    }

    private final class CheckedSession implements Session {

        private final Session session;

        CheckedSession(Session session) {
            this.session = session;
        }

        @Override
        public float[] append(int[] tokens) {
            return checked(session.append(tokens));
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
            return checked(session.timed(tokens));
        }

        @Override
        public boolean visit(int[] tokens, SortedSet<HookId> hooks, BiConsumer<HookId, Tensor> visitor) {
            return checked(session.visit(tokens, hooks, visitor));
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
