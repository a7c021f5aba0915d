package org.llminspector.engine.torch;

import java.util.EnumSet;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.llminspector.base.DType;
import org.llminspector.base.Problem;
import org.llminspector.engine.Capabilities;
import org.llminspector.engine.EngineKind;
import org.llminspector.engine.InspectorEngine;
import org.llminspector.engine.Precision;
import org.llminspector.engine.PrecisionPlan;
import org.llminspector.engine.cache.KvFormats;
import org.llminspector.engine.torch.libtorch.TorchDevices;
import org.llminspector.family.Weights;
import org.llminspector.local.PreparedStore;
import org.llminspector.quant.QuantScheme;
import org.llminspector.spec.DecoderSpec;

/** The torch engine: weights as NDArrays of one precision, every operation visible, gradients. */
public final class TorchKind implements EngineKind {

    /** Masked scores, their softmax and the pattern. */
    private static final int SCORE_COPIES = 3;

    @Override
    public String id() {
        return "torch";
    }

    @Override
    public Capabilities capabilities() {
        return TorchEngine.capabilities();
    }

    @Override
    public Set<Ability> abilities() {
        return EnumSet.of(Ability.GRADIENTS, Ability.PART_TIMES, Ability.ANY_CACHE);
    }

    @Override
    public String device(String wanted) {
        return TorchDevices.resolve(wanted);
    }

    @Override
    public void check(PrecisionPlan plan, DecoderSpec spec) {
        plan.check(spec);
        List<PrecisionPlan.Choice> choices = plan.choices(spec);
        if (choices.size() == 1) return;
        throw Problem.unsupported("the torch engine has one precision for all modules")
                .where("precision_plan.overrides")
                .found(choices.stream().map(c -> c.precision().label()).toList())
                .instead("leave the overrides out, or use the onnx engine");
    }

    @Override
    public KvFormats kvFormats(Source model, String device, PrecisionPlan plan) {
        return plan.kvCache() == null ? KvFormats.FP32 : plan.kvCache();
    }

    @Override
    public long estimate(Source model, PrecisionPlan plan, PreparedStore prepared) {
        Weights weights = model.weights();
        boolean tied = weights.spec().tied();
        double bytes = 0;
        double experts = 0;
        for (String name : weights.names()) {
            if (name.equals(Weights.LAYER_TABLE)) continue; // rows are read from the files
            StoredWeight w = StoredWeight.of(weights, name);
            Precision precision = w.vector() || w.table()
                    ? plan.standard()
                    : plan.at(w.module()).precision();
            double each = plan.simulated(name, tied) != null ? 4 : bytes(precision, w.inFile());
            if (name.contains(".mlp.experts.")) experts += w.values() * each;
            else if (w.vector()) bytes += w.inFile() == DType.F32 ? 0 : 4 * w.values();
            else bytes += w.values() * each;
        }
        return (long) (bytes + Math.min(experts, (double) TorchEngine.keptExperts()));
    }

    private static double bytes(Precision precision, DType inFile) {
        if (precision == Precision.FP16) return 2;
        return inFile == DType.F32 ? 0 : 4;
    }

    @Override
    public WeightBytes weightBytes(Source model, String device, PrecisionPlan plan, long parameters) {
        boolean tied = model.spec().tied();
        return (module, in) -> {
            boolean table = module.equals("embed") && !tied;
            return (table ? plan.standard() : plan.at(module).precision()).bytes(in, 2);
        };
    }

    @Override
    public int scoreCopies(boolean visible) {
        return visible ? SCORE_COPIES : 0;
    }

    @Override
    public boolean repeatsKeys() {
        return true;
    }

    @Override
    public long largestCacheBuffer() {
        return Long.MAX_VALUE;
    }

    @Override
    public InspectorEngine open(
            Source model, Weights.Watch watch, String device, PrecisionPlan plan, PreparedStore prepared) {
        Weights weights = simulated(model.weights().watched(watch), plan);
        check(plan, weights.spec());
        Precision precision = plan.choices(weights.spec()).get(0).precision();
        return TorchEngine.open(weights, device, precision, kvFormats(model, device, plan), plan.simulation());
    }

    /** The weights that a plan simulates, decoded from their codes when they are read; the others as they are. */
    public static Weights simulated(Weights weights, PrecisionPlan plan) {
        if (plan.simulate().isEmpty()) return weights;
        boolean tied = weights.spec().tied();
        Map<String, QuantScheme> schemes = new HashMap<>();
        for (String matrix : PrecisionPlan.matrices(weights.spec())) { // not kernels, decays and gates of a recurrence
            String name = matrix + ".weight";
            QuantScheme scheme = weights.names().contains(name) ? plan.simulated(name, tied) : null;
            if (scheme != null) schemes.put(name, scheme);
        }
        return weights.changed(schemes::containsKey, (name, weight) -> schemes.get(name)
                .quantize(weight, "weight " + name)
                .decode());
    }
}
