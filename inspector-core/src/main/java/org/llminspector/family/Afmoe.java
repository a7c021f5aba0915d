package org.llminspector.family;

import java.util.List;
import java.util.Set;
import org.llminspector.checkpoint.Checkpoint;
import org.llminspector.spec.DecoderSpec;
import org.llminspector.spec.Experts;
import org.llminspector.spec.Routing;

/**
 * Arcee Trinity (AFMoE): a gate on what each head reads, norms before and after attention and MLP, RMSNorm of q and
 * k, RoPE only in layers with a window; experts by sigmoid scores and a bias for the choice, with shared experts.
 */
final class Afmoe implements Family {

    @Override
    public Set<String> modelTypes() {
        return Set.of("afmoe");
    }

    @Override
    public DecoderSpec spec(Config c) {
        c.ignore("global_attn_every_n_layers", "load_balance_coeff", "use_grouped_mm");
        DeepSeek2.only(c, "score_func", "sigmoid");
        for (String groups : List.of("n_group", "topk_group", "num_expert_groups", "num_limited_groups"))
            if (c.size(groups, 1) != 1) throw c.wrong(groups, "1", c.node(groups));
        c.whenAbsent("rms_norm_eps", 1e-5)
                .whenAbsent("head_dim", 128)
                .whenAbsent("sliding_window", 1024)
                .whenAbsent("max_position_embeddings", 16_384);
        int every = c.size("global_attn_every_n_layers", 4);
        int width = c.size("moe_intermediate_size", 1408);
        int shared = c.node("num_shared_experts") == null ? 2 : (int) c.number("num_shared_experts");
        Experts experts = new Experts(
                c.size("num_experts", 64),
                c.size("num_experts_per_tok", 6),
                c.flag("route_norm", true),
                shared == 0 ? null : c.product("num_shared_experts", shared, width),
                false,
                new Routing(true, true, 1, 1, 1, (float) c.number("route_scale", 1)));
        double first = c.number("num_dense_layers", 1);
        LlamaShape shape = new LlamaShape(c)
                .attentionBias()
                .postNorms(true)
                .qkNorm(false)
                .attention((layer, a) -> a.gated(true))
                .window(c.sizeOrNull("sliding_window"), layer -> (layer + 1) % every != 0)
                .rotatesInWindows()
                .experts(experts, width, layer -> layer >= first);
        return (c.flag("mup_enabled", false) ? shape.scaledEmbedding() : shape).spec();
    }

    @Override
    public WeightPlan weights(DecoderSpec s, Checkpoint checkpoint) {
        WeightPlan plan = LlamaShape.weights(s, checkpoint);
        for (int i = 0; i < s.nLayers(); i++) {
            String to = "blocks." + i + ".";
            String from = LlamaShape.root(checkpoint) + "layers." + i + ".";
            plan.rmsNorm(to + "ln2", from + "pre_mlp_layernorm", s.dModel())
                    .rmsNorm(to + "ln2_post", from + "post_mlp_layernorm", s.dModel());
        }
        return plan;
    }
}
