package org.llminspector.family;

import java.util.Set;
import org.llminspector.checkpoint.Checkpoint;
import org.llminspector.spec.DecoderSpec;
import org.llminspector.spec.Experts;
import org.llminspector.spec.Routing;

/**
 * MiniMax M2: RMSNorm of q and k over all heads; experts by sigmoid scores, with a bias for the choice only; their
 * weights sum to 1. The multi-token prediction layers are not opened.
 */
final class MiniMaxM2 implements Family {

    @Override
    public Set<String> modelTypes() {
        return Set.of("minimax_m2");
    }

    @Override
    public DecoderSpec spec(Config c) {
        c.whenAbsent("num_key_value_heads", 8)
                .whenAbsent("head_dim", 128)
                .whenAbsent("rope_theta", 5e6)
                .whenAbsent("max_position_embeddings", 196_608);
        DeepSeek2.only(c, "scoring_func", "sigmoid");
        DeepSeek2.only(c, "qk_norm_type", "per_layer");
        c.ignore("use_mtp", "num_mtp_modules", "mtp_transformer_layers", "use_routing_bias", "shared_moe_mode");
        Routing routing = new Routing(true, true, 1, 1, 1, 1);
        Experts experts = new Experts(
                c.size("num_local_experts", 256), c.size("num_experts_per_tok", 8), true, null, false, routing);
        return new LlamaShape(c)
                .qkNorm(true)
                .partialRotary()
                .experts(experts, c.size("intermediate_size"), layer -> true)
                .spec();
    }

    @Override
    public WeightPlan weights(DecoderSpec s, Checkpoint checkpoint) {
        return LlamaShape.weights(s, checkpoint);
    }
}
