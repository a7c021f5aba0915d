package org.llminspector.family;

import java.util.Collections;
import java.util.Set;
import org.llminspector.checkpoint.Checkpoint;
import org.llminspector.family.WeightPlan.Source;
import org.llminspector.spec.Activation;
import org.llminspector.spec.DecoderSpec;
import org.llminspector.spec.LayerSpec;
import org.llminspector.spec.Mamba;
import org.llminspector.spec.Mlp;
import org.llminspector.spec.Norm;

/**
 * Mamba and Falcon Mamba: every layer is a norm and a {@link Mamba} mixer, without attention and MLP; Falcon Mamba norms
 * what dt is made of, B and C, without weights.
 */
final class PureMamba implements Family {

    @Override
    public Set<String> modelTypes() {
        return Set.of("mamba", "falcon_mamba");
    }

    @Override
    public DecoderSpec spec(Config c) {
        c.ignore("rescale_prenorm_residual", "residual_in_fp32", "use_mambapy", "use_associative_scan", "expand");
        c.ignore("time_step_min", "time_step_max", "time_step_floor", "time_step_scale", "time_step_init_scheme");
        c.ignore("use_falcon_mambapy");
        if (c.activation("hidden_act", "silu") != Activation.SILU)
            throw c.wrong("hidden_act", "silu", c.node("hidden_act"));
        int d = c.size("hidden_size", 768);
        Norm norm = new Norm(Norm.Kind.RMS, c.epsilon("layer_norm_epsilon", 1e-5));
        boolean falcon = c.text("model_type").equals("falcon_mamba");
        Norm parts = falcon ? new Norm(Norm.Kind.RMS, c.epsilon("mixer_rms_eps", 1e-6), false, false) : null;
        boolean auto =
                c.node("time_step_rank") == null || c.node("time_step_rank").isTextual();
        int inner = c.size("intermediate_size", 2 * d);
        Mamba mixer = new Mamba(
                inner,
                c.size("state_size", 16),
                auto ? (d + 15) / 16 : c.size("time_step_rank"),
                c.size("conv_kernel", 4),
                parts,
                c.flag("use_bias", false),
                c.flag("use_conv_bias", true));
        LayerSpec layer = new LayerSpec(norm, mixer, null, null, Mlp.NONE, null, false);
        return new DecoderSpec(
                c.text("model_type"),
                c.size("vocab_size"),
                d,
                StateSpaces.ANY_LENGTH,
                false,
                1f,
                Collections.nCopies(c.layers("num_hidden_layers"), layer),
                norm,
                c.flag("tie_word_embeddings", true),
                false,
                null,
                null);
    }

    @Override
    public WeightPlan weights(DecoderSpec s, Checkpoint checkpoint) {
        return backbone(s, checkpoint);
    }

    /** The names of models of recurrences alone: {@code backbone.layers.i.norm} and {@code mixer}. */
    static WeightPlan backbone(DecoderSpec s, Checkpoint checkpoint) {
        int d = s.dModel();
        WeightPlan plan = new WeightPlan().put("embed.weight", Source.of("backbone.embeddings.weight", s.vocab(), d));
        for (int i = 0; i < s.nLayers(); i++) {
            LayerSpec layer = s.layers().get(i);
            String from = "backbone.layers." + i + ".";
            plan.norm(layer.ln1(), "blocks." + i + ".ln1", from + "norm", d);
            RecurrentTensors.put(plan, layer.recurrence(), d, "blocks." + i + ".ssm.", from, checkpoint);
        }
        plan.norm(s.finalNorm(), "ln_final", "backbone.norm_f", d);
        return s.tied() ? plan : plan.linear("unembed", "lm_head", s.vocab(), d, false);
    }
}
