package org.llminspector.family;

import java.util.Set;
import org.llminspector.checkpoint.Checkpoint;
import org.llminspector.spec.DecoderSpec;
import org.llminspector.spec.Experts;

/** Mixtral: Mistral with a mixture of experts in every layer; the weights of the chosen experts sum to 1. */
final class Mixtral implements Family {

    @Override
    public Set<String> modelTypes() {
        return Set.of("mixtral");
    }

    @Override
    public DecoderSpec spec(Config c) {
        c.whenAbsent("num_key_value_heads", 8)
                .whenAbsent("max_position_embeddings", 131_072)
                .whenAbsent("rms_norm_eps", 1e-5)
                .whenAbsent("rope_theta", 1e6);
        Experts experts = new Experts(c.size("num_local_experts", 8), c.size("num_experts_per_tok", 2), true);
        return new LlamaShape(c)
                .window(c.sizeOrNull("sliding_window"))
                .experts(experts, c.size("intermediate_size"), layer -> true)
                .spec();
    }

    @Override
    public WeightPlan weights(DecoderSpec s, Checkpoint checkpoint) {
        return LlamaShape.weights(s, checkpoint);
    }
}
