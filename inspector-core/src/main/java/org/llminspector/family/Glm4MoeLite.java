package org.llminspector.family;

import java.util.Set;
import org.llminspector.checkpoint.Checkpoint;
import org.llminspector.spec.DecoderSpec;

/** GLM 4.7 Flash: {@link DeepSeek3}, and mlp_layer_types says which layers have experts. */
final class Glm4MoeLite implements Family {

    @Override
    public Set<String> modelTypes() {
        return Set.of("glm4_moe_lite");
    }

    @Override
    public DecoderSpec spec(Config c) {
        c.whenAbsent("rms_norm_eps", 1e-5)
                .whenAbsent("q_lora_rank", 768)
                .whenAbsent("qk_nope_head_dim", 192)
                .whenAbsent("v_head_dim", 256)
                .whenAbsent("max_position_embeddings", 202_752)
                .whenAbsent("n_routed_experts", 64)
                .whenAbsent("n_shared_experts", 1)
                .whenAbsent("num_experts_per_tok", 4)
                .whenAbsent("moe_intermediate_size", 1536)
                .whenAbsent("routed_scaling_factor", 1.8)
                .whenAbsent("first_k_dense_replace", 1);
        c.flag("rope_interleave", true);
        return DeepSeek3.experts(c, new LlamaShape(c).attentionBias().latent()).spec();
    }

    @Override
    public WeightPlan weights(DecoderSpec s, Checkpoint checkpoint) {
        return LlamaShape.weights(s, checkpoint);
    }
}
