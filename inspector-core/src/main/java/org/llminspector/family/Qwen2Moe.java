package org.llminspector.family;

import java.util.Set;
import org.llminspector.checkpoint.Checkpoint;
import org.llminspector.spec.DecoderSpec;
import org.llminspector.spec.Experts;

/**
 * Qwen 1.5 and 2 MoE: Qwen2 with a mixture of experts, and in addition to the chosen experts a gated shared expert for
 * every token.
 */
final class Qwen2Moe implements Family {

    @Override
    public Set<String> modelTypes() {
        return Set.of("qwen2_moe");
    }

    @Override
    public DecoderSpec spec(Config c) {
        c.whenAbsent("max_position_embeddings", 32768).whenAbsent("sliding_window", 4096);
        Experts experts = new Experts(
                c.size("num_experts", 60),
                c.size("num_experts_per_tok", 4),
                c.flag("norm_topk_prob", false),
                c.size("shared_expert_intermediate_size", 5632),
                true,
                null);
        LlamaShape shape = new LlamaShape(c);
        if (c.flag("qkv_bias", true)) shape.qkvBias();
        double last = c.number("max_window_layers", 28);
        return shape.window(Qwen3Moe.window(c), layer -> layer % 2 == 0 && layer < last)
                .experts(experts, c.size("moe_intermediate_size", 1408), Qwen3Moe.sparse(c))
                .spec();
    }

    @Override
    public WeightPlan weights(DecoderSpec s, Checkpoint checkpoint) {
        return LlamaShape.weights(s, checkpoint);
    }
}
