package org.llminspector.family;

import java.util.Set;
import org.llminspector.checkpoint.Checkpoint;
import org.llminspector.spec.DecoderSpec;
import org.llminspector.spec.Experts;

/** Granite MoE with a shared expert that processes every token. */
final class GraniteMoeShared implements Family {

    @Override
    public Set<String> modelTypes() {
        return Set.of("granitemoeshared");
    }

    @Override
    public DecoderSpec spec(Config c) {
        Integer shared = c.size("shared_intermediate_size", 1024);
        Experts experts = new Experts(
                c.size("num_local_experts", 8), c.size("num_experts_per_tok", 2), true, shared, false, null);
        return Granite.shape(c)
                .experts(experts, c.size("intermediate_size"), layer -> true)
                .spec();
    }

    @Override
    public WeightPlan weights(DecoderSpec s, Checkpoint checkpoint) {
        return LlamaShape.weights(s, checkpoint);
    }
}
