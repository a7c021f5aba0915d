package org.llminspector.family;

import java.util.Set;
import org.llminspector.checkpoint.Checkpoint;
import org.llminspector.spec.DecoderSpec;
import org.llminspector.spec.Experts;

/**
 * Hunyuan, mixtures: {@link HunYuanDense} with experts whose weights sum to 1, and a shared expert as wide as one of
 * them.
 */
final class HunYuanMoe implements Family {

    @Override
    public Set<String> modelTypes() {
        return Set.of("hunyuan_v1_moe");
    }

    @Override
    public DecoderSpec spec(Config c) {
        if (c.node("moe_topk") != null && c.node("moe_topk").isArray())
            throw c.wrong("moe_topk", "one number for all layers", c.node("moe_topk"));
        int width = c.size("intermediate_size");
        Experts experts = new Experts(c.size("num_experts", 1), c.size("moe_topk", 1), true, width, false, null);
        return HunYuanDense.shape(c).experts(experts, width, layer -> true).spec();
    }

    @Override
    public WeightPlan weights(DecoderSpec s, Checkpoint checkpoint) {
        return new HunYuanDense().weights(s, checkpoint);
    }
}
