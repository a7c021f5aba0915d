package org.llminspector.run.models;

import java.util.List;
import java.util.SortedMap;
import java.util.SortedSet;
import java.util.function.BiConsumer;
import org.llminspector.base.Tensor;
import org.llminspector.engine.Batch;
import org.llminspector.engine.GradientRequest;
import org.llminspector.engine.Gradients;
import org.llminspector.engine.InspectorEngine;
import org.llminspector.engine.PartTime;
import org.llminspector.engine.PrecisionPlan;
import org.llminspector.engine.Session;
import org.llminspector.engine.SessionRequest;
import org.llminspector.engine.cache.KvFormats;
import org.llminspector.hook.HookId;

/**
 * Engine whose results are refused where the model's files were overwritten meanwhile: it checks after each pass, since
 * mapped weights read as zeros once another process has opened the file for writing.
 */
final class CheckedEngine extends ForwardingEngine {

    private final Runnable readable;

    /** @param readable throws a Problem when the files were overwritten */
    CheckedEngine(InspectorEngine engine, Runnable readable) {
        super(engine);
        this.readable = readable;
    }

    private <T> T checked(T result) {
        readable.run();
        return result;
    }

    @Override
    public InspectorEngine withKvFormats(KvFormats formats) {
        InspectorEngine view = engine.withKvFormats(formats);
        return view == engine ? this : new CheckedEngine(view, readable);
    }

    @Override
    public Session begin(SessionRequest request) {
        readable.run();
        return new CheckedSession(engine.begin(request));
    }

    /** The visitor may have seen values of overwritten weights when this refuses them. */
    @Override
    public void run(Batch batch, BiConsumer<HookId, Tensor> visitor) {
        engine.run(batch, visitor);
        readable.run();
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
    public SortedMap<HookId, Tensor> pullback(Batch batch, HookId of, Tensor cotangent) {
        return checked(engine.pullback(batch, of, cotangent));
    }

    private final class CheckedSession extends ForwardingSession {

        CheckedSession(Session session) {
            super(session);
        }

        @Override
        public float[] append(int[] tokens) {
            return checked(session.append(tokens));
        }

        @Override
        public List<PartTime> timed(int[] tokens) {
            return checked(session.timed(tokens));
        }

        @Override
        public boolean visit(int[] tokens, SortedSet<HookId> hooks, BiConsumer<HookId, Tensor> visitor) {
            return checked(session.visit(tokens, hooks, visitor));
        }
    }
}
