package org.llminspector.family;

import java.util.Set;
import org.llminspector.checkpoint.Checkpoint;
import org.llminspector.spec.DecoderSpec;

/**
 * GLM-4 of 2025: {@link Glm} with norms before and after attention and MLP, and no biases unless configured.
 */
final class Glm4 implements Family {

    @Override
    public Set<String> modelTypes() {
        return Set.of("glm4");
    }

    @Override
    public DecoderSpec spec(Config c) {
        c.whenAbsent("rms_norm_eps", 1.5625e-7)
                .whenAbsent("partial_rotary_factor", 0.5)
                .whenAbsent("head_dim", 128)
                .whenAbsent("max_position_embeddings", 131_072);
        LlamaShape shape = new LlamaShape(c).postNorms(true).partialRotary();
        return (c.flag("attention_bias", false) ? shape.qkvBias() : shape).spec();
    }

    @Override
    public WeightPlan weights(DecoderSpec s, Checkpoint checkpoint) {
        WeightPlan plan = new Glm().weights(s, checkpoint);
        for (int i = 0; i < s.nLayers(); i++) {
            String to = "blocks." + i + ".";
            String from = LlamaShape.root(checkpoint) + "layers." + i + ".";
            plan.rmsNorm(to + "ln1_post", from + "post_self_attn_layernorm", s.dModel())
                    .rmsNorm(to + "ln2", from + "post_attention_layernorm", s.dModel())
                    .rmsNorm(to + "ln2_post", from + "post_mlp_layernorm", s.dModel());
        }
        return plan;
    }
}
