package org.llminspector.family;

import java.util.Set;
import org.llminspector.checkpoint.Checkpoint;
import org.llminspector.spec.DecoderSpec;

/** dots.llm1: {@link DeepSeek3}'s experts with grouped-query attention and RMSNorm of q and k per head. */
final class Dots1 implements Family {

    @Override
    public Set<String> modelTypes() {
        return Set.of("dots1");
    }

    @Override
    public DecoderSpec spec(Config c) {
        c.ignore("max_window_layers"); // layer_types has the same information
        c.whenAbsent("num_key_value_heads", 32)
                .whenAbsent("norm_topk_prob", false)
                .whenAbsent("moe_intermediate_size", 1408);
        LlamaShape shape =
                new LlamaShape(c).attentionBias().qkNorm(false).window(c.sizeOrNull("sliding_window"), layer -> false);
        return DeepSeek3.experts(c, shape).spec();
    }

    @Override
    public WeightPlan weights(DecoderSpec s, Checkpoint checkpoint) {
        return LlamaShape.weights(s, checkpoint);
    }
}
