package org.llminspector.family;

import java.util.Set;
import org.llminspector.checkpoint.Checkpoint;
import org.llminspector.spec.DecoderSpec;

/**
 * EXAONE MoE (K-EXAONE): {@link DeepSeek3}'s experts under other names, RMSNorm of q and k per head; where some
 * layers have a sliding window, those without one have no RoPE (NoPE).
 */
final class ExaoneMoe implements Family {

    @Override
    public Set<String> modelTypes() {
        return Set.of("exaone_moe");
    }

    @Override
    public DecoderSpec spec(Config c) {
        c.ignore("sliding_window_pattern"); // a number or letters; layer_types has the same information
        c.spelled("n_routed_experts", "num_experts")
                .spelled("n_shared_experts", "num_shared_experts")
                .whenAbsent("num_experts", 64)
                .whenAbsent("num_shared_experts", 1)
                .whenAbsent("num_key_value_heads", 32)
                .whenAbsent("rms_norm_eps", 1e-5)
                .whenAbsent("sliding_window", 4096)
                .whenAbsent("moe_intermediate_size", 1024)
                .whenAbsent("routed_scaling_factor", 2.5)
                .whenAbsent("first_k_dense_replace", 1);
        LlamaShape shape = new LlamaShape(c)
                .qkNorm(false)
                .window(c.sizeOrNull("sliding_window"), layer -> (layer + 1) % 4 != 0)
                .rotatesInWindows();
        return DeepSeek3.experts(c, shape).spec();
    }

    @Override
    public WeightPlan weights(DecoderSpec s, Checkpoint checkpoint) {
        return LlamaShape.weights(s, checkpoint);
    }
}
