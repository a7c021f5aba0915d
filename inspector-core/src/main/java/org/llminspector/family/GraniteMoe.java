package org.llminspector.family;

import java.util.Set;
import org.llminspector.checkpoint.Checkpoint;
import org.llminspector.spec.DecoderSpec;
import org.llminspector.spec.Experts;

/**
 * Granite MoE: {@link Granite}'s factors and a mixture of experts in every layer; the weights of the chosen experts sum
 * to 1.
 */
final class GraniteMoe implements Family {

    @Override
    public Set<String> modelTypes() {
        return Set.of("granitemoe");
    }

    @Override
    public DecoderSpec spec(Config c) {
        Experts experts = new Experts(c.size("num_local_experts", 8), c.size("num_experts_per_tok", 2), true);
        return Granite.shape(c)
                .experts(experts, c.size("intermediate_size"), layer -> true)
                .spec();
    }

    @Override
    public WeightPlan weights(DecoderSpec s, Checkpoint checkpoint) {
        return LlamaShape.weights(s, checkpoint);
    }
}
