package org.llminspector.family;

import java.util.Set;
import org.llminspector.checkpoint.Checkpoint;
import org.llminspector.spec.DecoderSpec;

/**
 * GLM 4.5 to 4.7: {@link DeepSeek3}'s experts with grouped-query attention, RoPE in half of each head, and RMSNorm
 * of q and k if use_qk_norm. The multi-token prediction layers are not opened.
 */
final class Glm4Moe implements Family {

    @Override
    public Set<String> modelTypes() {
        return Set.of("glm4_moe");
    }

    @Override
    public DecoderSpec spec(Config c) {
        c.whenAbsent("rms_norm_eps", 1e-5)
                .whenAbsent("partial_rotary_factor", 0.5)
                .whenAbsent("num_key_value_heads", 8)
                .whenAbsent("max_position_embeddings", 131_072)
                .whenAbsent("n_routed_experts", 128)
                .whenAbsent("n_shared_experts", 1)
                .whenAbsent("moe_intermediate_size", 1408)
                .whenAbsent("first_k_dense_replace", 1);
        LlamaShape shape = new LlamaShape(c).partialRotary();
        if (c.flag("attention_bias", false)) shape.qkvBias();
        if (c.flag("use_qk_norm", false)) shape.qkNorm(false);
        return DeepSeek3.experts(c, shape).spec();
    }

    @Override
    public WeightPlan weights(DecoderSpec s, Checkpoint checkpoint) {
        return LlamaShape.weights(s, checkpoint);
    }
}
