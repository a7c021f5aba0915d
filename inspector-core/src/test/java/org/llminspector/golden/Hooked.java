package org.llminspector.golden;

import java.util.function.BiConsumer;
import org.llminspector.base.Tensor;
import org.llminspector.engine.Batch;
import org.llminspector.engine.EngineInfo;
import org.llminspector.engine.InspectorEngine;
import org.llminspector.engine.Session;
import org.llminspector.engine.SessionRequest;
import org.llminspector.hook.HookId;
import org.llminspector.spec.DecoderSpec;

/** Hooked is an engine that never runs on its fused form. Closing either closes both. */
record Hooked(InspectorEngine engine) implements InspectorEngine {

    @Override
    public DecoderSpec spec() {
        return engine.spec();
    }

    @Override
    public EngineInfo info() {
        return engine.info().withForm("hooked");
    }

    @Override
    public Session begin(SessionRequest r) {
        return engine.begin(new SessionRequest(r.maxPositions(), r.hooks(), r.interventions(), r.sources(), true));
    }

    @Override
    public void run(Batch batch, BiConsumer<HookId, Tensor> visitor) {
        engine.run(batch, visitor);
    }

    @Override
    public Tensor unembed(Tensor resid) {
        return engine.unembed(resid);
    }

    @Override
    public void close() {
        engine.close();
    }
}
