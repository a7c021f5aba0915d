package org.llminspector.family;

import java.util.Set;
import org.llminspector.checkpoint.Checkpoint;
import org.llminspector.family.WeightPlan.Source;
import org.llminspector.spec.DecoderSpec;

/**
 * GLM-4 9B of 2024: RoPE on interleaved pairs in half of each head, biases on q, k and v, gate and up in one matrix.
 */
final class Glm implements Family {

    @Override
    public Set<String> modelTypes() {
        return Set.of("glm");
    }

    @Override
    public DecoderSpec spec(Config c) {
        c.whenAbsent("rms_norm_eps", 1.5625e-7)
                .whenAbsent("attention_bias", true)
                .whenAbsent("partial_rotary_factor", 0.5)
                .whenAbsent("num_key_value_heads", 2)
                .whenAbsent("head_dim", 128)
                .whenAbsent("max_position_embeddings", 131_072);
        LlamaShape shape = new LlamaShape(c).partialRotary();
        return (c.flag("attention_bias", true) ? shape.qkvBias() : shape).spec();
    }

    @Override
    public WeightPlan weights(DecoderSpec s, Checkpoint checkpoint) {
        WeightPlan plan = LlamaShape.weights(s, checkpoint).turnsNeighbours(s);
        for (int i = 0; i < s.nLayers(); i++) {
            String from = LlamaShape.root(checkpoint) + "layers." + i + ".";
            int dMlp = s.layers().get(i).mlp().dMlp();
            Source gateUp = Source.of(from + "mlp.gate_up_proj.weight", 2L * dMlp, s.dModel());
            plan.put("blocks." + i + ".mlp.gate.weight", gateUp.rows(0, dMlp))
                    .put("blocks." + i + ".mlp.in.weight", gateUp.rows(dMlp, 2 * dMlp));
        }
        return plan;
    }
}
