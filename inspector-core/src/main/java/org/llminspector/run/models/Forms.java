package org.llminspector.run.models;

import java.util.ArrayList;
import java.util.List;
import org.llminspector.analysis.PartCost;
import org.llminspector.base.Problem;
import org.llminspector.base.RootNames;
import org.llminspector.engine.Capabilities;
import org.llminspector.engine.EngineKind;
import org.llminspector.engine.Precision;
import org.llminspector.engine.PrecisionPlan;
import org.llminspector.engine.cache.KvFormats;
import org.llminspector.local.PreparedStore;
import org.llminspector.spec.DecoderSpec;
import org.llminspector.spec.LayerSpec;

/**
 * Ways in which a model can be opened on a CPU: each engine's precisions, with their memory. Only config and weight
 * headers are read.
 *
 * @param folder the model; its files are mapped
 * @param family as config.json's {@code model_type} spells it
 * @param parameters numbers in its weight files
 * @param activeParameters of the model, less those of the experts that a token is not sent to; null without experts
 * @param layers which layers mix positions in which way
 * @param maxContext most positions of a sequence
 * @param forms every engine and precision of this build
 */
public record Forms(
        String slug,
        String folder,
        String family,
        long parameters,
        Long activeParameters,
        long bytes,
        int nLayers,
        List<LayerKind> layers,
        int dModel,
        int maxContext,
        boolean hasTokenizer,
        List<Form> forms) {

    /**
     * One engine and precision.
     *
     * @param bytes estimated memory of the open model, mapped files excluded; null where it cannot be opened so
     * @param fits whether that fits the memory budget when nothing else is open
     * @param trouble why it cannot be opened so; null where it can
     */
    public record Form(String engine, Precision precision, Long bytes, Boolean fits, String trouble) {}

    static Forms of(ModelFolder f, long budget, PreparedStore prepared) {
        List<Form> forms = new ArrayList<>();
        for (Capabilities engine : Engines.capabilities()) {
            for (Capabilities.PrecisionSupport p : engine.precisions()) {
                if (p.available()) forms.add(form(engine.id(), p.id(), f, budget, prepared));
                else if (!engine.available()) forms.add(new Form(engine.id(), p.id(), null, null, engine.why()));
            }
        }
        return new Forms(
                f.slug(),
                RootNames.shown(f.found().dir()),
                f.spec().family(),
                f.checkpoint().parameters(),
                active(f),
                f.checkpoint().bytes(),
                f.spec().nLayers(),
                LayerKind.of(f.spec()),
                f.spec().dModel(),
                f.spec().maxContext(),
                f.hasTokenizer(),
                List.copyOf(forms));
    }

    private static Long active(ModelFolder f) {
        DecoderSpec spec = f.spec();
        if (spec.layers().stream().allMatch(l -> l.mlp().experts() == null)) return null;
        long all = PartCost.of(spec, KvFormats.FP32, (module, in) -> Float.BYTES, 0, 1).stream()
                .mapToLong(PartCost::parameters)
                .sum();
        long idle = spec.layers().stream()
                .map(LayerSpec::mlp)
                .filter(m -> m.experts() != null)
                .mapToLong(m -> (m.experts().count() - m.experts().active()) * m.size(spec.dModel()))
                .sum();
        return all - idle;
    }

    private static Form form(String engine, Precision precision, ModelFolder f, long budget, PreparedStore prepared) {
        PrecisionPlan plan = PrecisionPlan.of(precision);
        EngineKind kind;
        try {
            kind = Engines.of(engine, f);
            kind.check(plan, f.spec());
        } catch (Problem no) {
            return new Form(engine, precision, null, null, no.what());
        }
        long bytes = kind.estimate(f, plan, prepared);
        return new Form(engine, precision, bytes, bytes <= budget, null);
    }
}
