package org.llminspector.family;

import java.util.Set;
import org.llminspector.checkpoint.Checkpoint;
import org.llminspector.spec.DecoderSpec;
import org.llminspector.spec.Experts;
import org.llminspector.spec.Routing;

/** Phi 3.5 MoE: LayerNorm, biases, and two experts chosen and weighed by SparseMixer ({@link Routing#jitter}). */
final class PhiMoe implements Family {

    @Override
    public Set<String> modelTypes() {
        return Set.of("phimoe");
    }

    @Override
    public DecoderSpec spec(Config c) {
        c.whenAbsent("num_key_value_heads", 8)
                .whenAbsent("rope_theta", 1e6)
                .whenAbsent("max_position_embeddings", 131_072)
                .ignore("input_jitter_noise", "hidden_dropout"); // in training only
        int active = c.size("num_experts_per_tok", 2);
        if (active != 2) throw c.wrong("num_experts_per_tok", "2, which SparseMixer chooses", active);
        float jitter = (float) c.number("router_jitter_noise", 0.01);
        Routing routing = new Routing(false, false, 1, 1, 1, jitter, 1);
        Experts experts = new Experts(c.size("num_local_experts", 16), active, false, null, false, routing);
        LlamaShape shape = new LlamaShape(c)
                .layerNorms("rms_norm_eps")
                .attentionBias()
                .window(c.sizeOrNull("sliding_window"))
                .experts(experts, c.size("intermediate_size"), layer -> true);
        return (c.flag("lm_head_bias", false) ? shape.unembedBias() : shape).spec();
    }

    @Override
    public WeightPlan weights(DecoderSpec s, Checkpoint checkpoint) {
        return LlamaShape.weights(s, checkpoint);
    }
}
