package org.llminspector.family;

import java.util.Set;
import org.llminspector.checkpoint.Checkpoint;
import org.llminspector.spec.DecoderSpec;
import org.llminspector.spec.Experts;

/** OLMoE: a mixture of experts in every layer, and RMSNorm of q and k over the width of all heads. */
final class Olmoe implements Family {

    @Override
    public Set<String> modelTypes() {
        return Set.of("olmoe");
    }

    @Override
    public DecoderSpec spec(Config c) {
        c.whenAbsent("max_position_embeddings", 4096).whenAbsent("rms_norm_eps", 1e-5);
        Experts experts = new Experts(
                c.size("num_experts", 64), c.size("num_experts_per_tok", 8), c.flag("norm_topk_prob", false));
        return new LlamaShape(c)
                .attentionBias()
                .qkNorm(true)
                .experts(experts, c.size("intermediate_size"), layer -> true)
                .spec();
    }

    @Override
    public WeightPlan weights(DecoderSpec s, Checkpoint checkpoint) {
        return LlamaShape.weights(s, checkpoint);
    }
}
