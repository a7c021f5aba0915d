package org.llminspector.family;

import java.util.Set;
import org.llminspector.checkpoint.Checkpoint;
import org.llminspector.spec.DecoderSpec;
import org.llminspector.spec.Experts;

/**
 * Qwen3-Next, and Qwen 3.5's language models, dense and mixtures: delta nets in the place of attention in three of four
 * layers; attention has a gate, norms of q and k, and RoPE on a quarter of each head. Norms' weights are 1 + the file's.
 */
final class Qwen3Next implements Family {

    @Override
    public Set<String> modelTypes() {
        return Set.of("qwen3_next", "qwen3_5_text", "qwen3_5_moe_text");
    }

    @Override
    public DecoderSpec spec(Config c) {
        c.ignore("router_aux_loss_coef", "output_router_logits");
        c.whenAbsent("partial_rotary_factor", 0.25).whenAbsent("max_position_embeddings", 32_768);
        c.whenAbsent("head_dim", 256).whenAbsent("num_key_value_heads", 2);
        if (c.flag("attention_bias", false)) throw c.wrong("attention_bias", "false", true);
        String type = c.text("model_type");
        LlamaShape shape = new LlamaShape(c).qkNorm(false).partialRotary().attention((layer, a) -> a.gated(true));
        if (!type.equals("qwen3_5_text")) {
            boolean next = type.equals("qwen3_next");
            Experts experts = new Experts(
                    c.size("num_experts", next ? 512 : 256),
                    c.size("num_experts_per_tok", next ? 10 : 8),
                    !next || c.flag("norm_topk_prob", true),
                    c.size("shared_expert_intermediate_size", 512),
                    true,
                    null);
            shape.experts(experts, c.size("moe_intermediate_size", 512), next ? Qwen3Moe.sparse(c) : layer -> true);
        }
        return shape.mixers(
                        StateSpaces.layers(c, shape.nLayers(), DeltaNets.spec(c, 1, c.epsilon("rms_norm_eps", 1e-6))))
                .spec();
    }

    @Override
    public WeightPlan weights(DecoderSpec s, Checkpoint checkpoint) {
        return LlamaShape.weights(s, checkpoint).norms(WeightPlan.Source::plusOne);
    }
}
