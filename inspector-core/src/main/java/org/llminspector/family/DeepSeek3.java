package org.llminspector.family;

import java.util.Set;
import org.llminspector.checkpoint.Checkpoint;
import org.llminspector.spec.DecoderSpec;
import org.llminspector.spec.Routing;

/**
 * DeepSeek V3 and R1: V2 with sigmoid scores; a bias is added to them for the choice only, and a group's score is the
 * sum of its two best. The multi-token prediction layers are not opened.
 */
final class DeepSeek3 implements Family {

    @Override
    public Set<String> modelTypes() {
        return Set.of("deepseek_v3");
    }

    @Override
    public DecoderSpec spec(Config c) {
        c.whenAbsent("q_lora_rank", 1536).whenAbsent("n_shared_experts", 1).whenAbsent("max_position_embeddings", 4096);
        c.whenAbsent("n_routed_experts", 256).whenAbsent("n_group", 8).whenAbsent("topk_group", 4);
        c.whenAbsent("routed_scaling_factor", 2.5).whenAbsent("moe_intermediate_size", 2048);
        c.whenAbsent("first_k_dense_replace", 3);
        c.flag("rope_interleave", true);
        return experts(c, new LlamaShape(c).attentionBias().latent()).spec();
    }

    /** Adds the mixture, which others have with attention of their own; their defaults are set before. */
    static LlamaShape experts(Config c, LlamaShape shape) {
        DeepSeek2.only(c, "topk_method", "noaux_tc");
        DeepSeek2.only(c, "scoring_func", "sigmoid");
        int count = c.size("n_routed_experts");
        int groups = DeepSeek2.groups(c, "n_group", 1, count);
        int best = DeepSeek2.groups(c, "topk_group", 1, groups);
        double factor = c.number("routed_scaling_factor", 1);
        return DeepSeek2.experts(
                c,
                shape,
                count,
                c.size("num_experts_per_tok", 8),
                c.flag("norm_topk_prob", true),
                new Routing(true, true, groups, best, 2, (float) factor),
                c.size("moe_intermediate_size"));
    }

    @Override
    public WeightPlan weights(DecoderSpec s, Checkpoint checkpoint) {
        return LlamaShape.weights(s, checkpoint);
    }
}
