package org.llminspector.family;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.List;
import java.util.Set;
import org.llminspector.base.Tensor;
import org.llminspector.checkpoint.Checkpoint;
import org.llminspector.spec.DecoderSpec;
import org.llminspector.spec.LayerSpec;
import org.llminspector.spec.Mamba2;
import org.llminspector.spec.Norm;

/**
 * Falcon-H1: attention and Mamba 2 beside each other in every layer, their outputs added. The config's factors on inputs
 * and outputs of projections are multiplied into the projections at loading.
 */
final class FalconH1 implements Family {

    private static final List<String> SSM = List.of("gate", "x", "b", "c", "dt");

    @Override
    public Set<String> modelTypes() {
        return Set.of("falcon_h1");
    }

    @Override
    public DecoderSpec spec(Config c) {
        c.ignore("num_logits_to_keep", "projectors_bias", "mamba_use_mlp");
        c.whenAbsent("rms_norm_eps", 1e-5).whenAbsent("num_key_value_heads", 8);
        for (String f : List.of("attention_in", "attention_out", "key", "ssm_in", "ssm_out")) factor(c, f);
        c.node("mlp_multipliers");
        c.node("ssm_multipliers");
        Norm norm = new Norm(Norm.Kind.RMS, c.epsilon("rms_norm_eps", 1e-5));
        Norm gated = c.flag("mamba_rms_norm", false) ? norm : null;
        Mamba2 mamba =
                StateSpaces.hybrid(c, gated, c.size("mamba_n_groups", 1), c.flag("mamba_norm_before_gate", true));
        return new LlamaShape(c)
                .attentionBias()
                .mlpBias()
                .embedScale(c.number("embedding_multiplier", 1))
                .logitScale(c.number("lm_head_multiplier", 1))
                .mixers((i, attention) -> new LayerSpec.Both(attention, mamba))
                .spec();
    }

    private static double factor(Config c, String name) {
        return c.number(name + "_multiplier", 1);
    }

    @Override
    public WeightPlan weights(DecoderSpec s, Checkpoint checkpoint) {
        WeightPlan plan = LlamaShape.weights(s, checkpoint);
        Config c = new Config(checkpoint.config(), checkpoint.configFile());
        JsonNode mlp = c.node("mlp_multipliers");
        JsonNode ssm = c.node("ssm_multipliers");
        for (int i = 0; i < s.nLayers(); i++) {
            String b = "blocks." + i + ".";
            times(plan, b + "attn.q", factor(c, "attention_in"), false);
            times(plan, b + "attn.k", factor(c, "attention_in") * factor(c, "key"), false);
            times(plan, b + "attn.v", factor(c, "attention_in"), false);
            times(plan, b + "attn.o", factor(c, "attention_out"), true);
            for (int p = 0; p < SSM.size(); p++) {
                double part = ssm == null ? 1 : ssm.path(p).asDouble(1);
                times(plan, b + "ssm." + SSM.get(p), factor(c, "ssm_in") * part, false);
            }
            times(plan, b + "ssm.out", factor(c, "ssm_out"), true);
            times(plan, b + "mlp.gate", mlp == null ? 1 : mlp.path(0).asDouble(1), true);
            times(plan, b + "mlp.out", mlp == null ? 1 : mlp.path(1).asDouble(1), true);
        }
        return plan;
    }

    /** A factor on a projection's input, which its bias does not have, or on its output. */
    private static void times(WeightPlan plan, String module, double factor, boolean output) {
        if (factor == 1) return;
        plan.change(module + ".weight", t -> times(t, factor));
        if (output) plan.change(module + ".bias", t -> times(t, factor));
    }

    private static Tensor times(Tensor t, double factor) {
        float[] values = t.toFloats();
        for (int i = 0; i < values.length; i++) values[i] = (float) (values[i] * factor);
        return Tensor.of(values, t.shape());
    }
}
