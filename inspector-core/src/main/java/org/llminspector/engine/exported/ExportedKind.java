package org.llminspector.engine.exported;

import java.util.EnumSet;
import java.util.Set;
import org.llminspector.engine.Capabilities;
import org.llminspector.engine.EngineKind;
import org.llminspector.engine.InspectorEngine;
import org.llminspector.engine.PrecisionPlan;
import org.llminspector.engine.cache.KvFormats;
import org.llminspector.engine.onnx.OnnxKind;
import org.llminspector.family.Weights;
import org.llminspector.local.PreparedStore;
import org.llminspector.spec.DecoderSpec;

/** Exported ONNX graphs on ONNX Runtime, under the onnx engine's name: no other kind opens such a model. */
public final class ExportedKind implements EngineKind {

    private final OnnxKind onnx = new OnnxKind();

    @Override
    public String id() {
        return onnx.id();
    }

    @Override
    public Capabilities capabilities() {
        return onnx.capabilities();
    }

    @Override
    public Set<Ability> abilities() {
        return EnumSet.noneOf(Ability.class);
    }

    @Override
    public boolean opens(Source model) {
        return model.checkpoint().onnx().isPresent();
    }

    @Override
    public String device(String wanted) {
        return onnx.device(wanted);
    }

    @Override
    public void check(PrecisionPlan plan, DecoderSpec spec) {
        ExportedHooks.check(plan);
        plan.check(spec);
    }

    @Override
    public KvFormats kvFormats(Source model, String device, PrecisionPlan plan) {
        return ExportedEngine.kvFormats(model.checkpoint().onnx().orElseThrow(), model.spec());
    }

    @Override
    public long estimate(Source model, PrecisionPlan plan, PreparedStore prepared) {
        return 2 * model.checkpoint().bytes();
    }

    @Override
    public WeightBytes weightBytes(Source model, String device, PrecisionPlan plan, long parameters) {
        return (module, in) -> (double) model.checkpoint().bytes() / parameters;
    }

    @Override
    public int scoreCopies(boolean visible) {
        return onnx.scoreCopies(visible);
    }

    @Override
    public long largestCacheBuffer() {
        return onnx.largestCacheBuffer();
    }

    @Override
    public InspectorEngine open(
            Source model, Weights.Watch watch, String device, PrecisionPlan plan, PreparedStore prepared) {
        model.probe();
        return ExportedEngine.open(model.checkpoint(), model.spec(), device, plan);
    }
}
