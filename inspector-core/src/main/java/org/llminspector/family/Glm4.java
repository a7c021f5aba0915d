package org.llminspector.family;

import java.util.Set;
import org.llminspector.checkpoint.Checkpoint;
import org.llminspector.family.WeightPlan.Source;
import org.llminspector.spec.DecoderSpec;

/**
 * GLM-4: norms before and after attention and MLP, RoPE on interleaved pairs in half of each head, gate and up in one
 * matrix.
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
        WeightPlan plan = LlamaShape.weights(s, checkpoint).turnsNeighbours(s);
        for (int i = 0; i < s.nLayers(); i++) {
            String to = "blocks." + i + ".";
            String from = LlamaShape.root(checkpoint) + "layers." + i + ".";
            int dMlp = s.layers().get(i).mlp().dMlp();
            Source gateUp = Source.of(from + "mlp.gate_up_proj.weight", 2L * dMlp, s.dModel());
            plan.put(to + "mlp.gate.weight", gateUp.rows(0, dMlp))
                    .put(to + "mlp.in.weight", gateUp.rows(dMlp, 2 * dMlp))
                    .rmsNorm(to + "ln1_post", from + "post_self_attn_layernorm", s.dModel())
                    .rmsNorm(to + "ln2", from + "post_attention_layernorm", s.dModel())
                    .rmsNorm(to + "ln2_post", from + "post_mlp_layernorm", s.dModel());
        }
        return plan;
    }
}
