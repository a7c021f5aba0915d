package org.llminspector.family;

import java.util.Set;
import org.llminspector.checkpoint.Checkpoint;
import org.llminspector.spec.DecoderSpec;
import org.llminspector.spec.Experts;
import org.llminspector.spec.Mamba;
import org.llminspector.spec.Norm;

/**
 * Jamba: attention without positions in one layer of each period, Mamba with norms of B, C and what dt is made of in the
 * others; every second layer's MLP is a mixture.
 */
final class Jamba implements Family {

    @Override
    public Set<String> modelTypes() {
        return Set.of("jamba");
    }

    @Override
    public DecoderSpec spec(Config c) {
        c.ignore("use_mamba_kernels", "use_mambapy", "use_associative_scan", "num_logits_to_keep");
        c.ignore("router_aux_loss_coef", "output_router_logits", "calc_logits_for_entire_prompt");
        c.whenAbsent("num_key_value_heads", 8).whenAbsent("max_position_embeddings", 262_144);
        LlamaShape shape = new LlamaShape(c);
        int d = c.size("hidden_size");
        Norm norm = new Norm(Norm.Kind.RMS, c.epsilon("rms_norm_eps", 1e-6));
        boolean auto =
                c.node("mamba_dt_rank") == null || c.node("mamba_dt_rank").isTextual();
        Mamba mamba = new Mamba(
                c.product("mamba_expand", d, c.size("mamba_expand", 2)),
                c.size("mamba_d_state", 16),
                auto ? (d + 15) / 16 : c.size("mamba_dt_rank"),
                c.size("mamba_d_conv", 4),
                norm,
                c.flag("mamba_proj_bias", false),
                c.flag("mamba_conv_bias", true));
        int attendsEach = c.size("attn_layer_period", 8);
        double attendsAt = c.number("attn_layer_offset", 4);
        int sparseEach = c.size("expert_layer_period", 2);
        double sparseAt = c.number("expert_layer_offset", 1);
        int experts = c.size("num_experts", 16);
        Experts mixture = new Experts(experts, c.size("num_experts_per_tok", 2), false);
        if (experts > 1) shape.experts(mixture, c.size("intermediate_size"), layer -> layer % sparseEach == sparseAt);
        return shape.mixers((i, attention) -> i % attendsEach == attendsAt ? attention : mamba)
                .rotatesIn(layer -> false)
                .spec();
    }

    @Override
    public WeightPlan weights(DecoderSpec s, Checkpoint checkpoint) {
        return LlamaShape.weights(s, checkpoint);
    }
}
