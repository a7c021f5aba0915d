package org.llminspector.family;

import java.util.Set;
import org.llminspector.checkpoint.Checkpoint;
import org.llminspector.spec.DecoderSpec;
import org.llminspector.spec.Experts;
import org.llminspector.spec.Mamba2;
import org.llminspector.spec.Norm;

/**
 * Granite 4: {@link Granite}'s factors, Mamba 2 in the place of attention in most layers, attention without RoPE unless
 * {@code position_embedding_type} is rope, and beside the experts, where there are any, one for every token.
 */
final class GraniteMoeHybrid implements Family {

    @Override
    public Set<String> modelTypes() {
        return Set.of("granitemoehybrid");
    }

    @Override
    public DecoderSpec spec(Config c) {
        c.ignore("router_aux_loss_coef", "output_router_logits", "normalization_function");
        LlamaShape shape = Granite.shape(c);
        boolean rope = c.textOr("position_embedding_type", "nope").equals("rope");
        int experts = (int) c.number("num_local_experts", 8);
        int shared = c.size("shared_intermediate_size", 1024);
        int active = (int) c.number("num_experts_per_tok", 2);
        int width = c.size("intermediate_size", 1024);
        if (experts > 0) shape.experts(new Experts(experts, active, true, shared, false, null), width, layer -> true);
        else shape.neurons(shared);
        Norm norm = new Norm(Norm.Kind.RMS, c.epsilon("rms_norm_eps", 1e-6));
        Mamba2 mamba = StateSpaces.hybrid(c, norm, c.size("mamba_n_groups", 1), false);
        return shape.mixers(StateSpaces.layers(c, shape.nLayers(), mamba))
                .rotatesIn(layer -> rope)
                .spec();
    }

    @Override
    public WeightPlan weights(DecoderSpec s, Checkpoint checkpoint) {
        return LlamaShape.weights(s, checkpoint);
    }
}
