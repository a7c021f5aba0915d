package org.llminspector.family;

import java.util.Set;
import org.llminspector.checkpoint.Checkpoint;
import org.llminspector.spec.DecoderSpec;
import org.llminspector.spec.Experts;

/** FlexOlmo: OLMo 2 (norms only after attention and MLP, RMSNorm of q and k over all heads) with experts. */
final class FlexOlmo implements Family {

    @Override
    public Set<String> modelTypes() {
        return Set.of("flex_olmo");
    }

    @Override
    public DecoderSpec spec(Config c) {
        c.whenAbsent("max_position_embeddings", 4096).whenAbsent("rope_theta", 500_000.0);
        Experts experts = new Experts(
                c.size("num_experts", 7), c.size("num_experts_per_tok", 5), c.flag("norm_topk_prob", false));
        return new LlamaShape(c)
                .attentionBias()
                .postNorms(false)
                .qkNorm(true)
                .experts(experts, c.size("intermediate_size"), layer -> true)
                .spec();
    }

    @Override
    public WeightPlan weights(DecoderSpec s, Checkpoint checkpoint) {
        return LlamaShape.weights(s, checkpoint);
    }
}
