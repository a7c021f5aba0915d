package org.llminspector.family;

import java.util.Set;
import org.llminspector.checkpoint.Checkpoint;
import org.llminspector.spec.DecoderSpec;
import org.llminspector.spec.Mamba2;
import org.llminspector.spec.Norm;

/** Bamba: Mamba 2 in the place of attention in all layers but {@code attn_layer_indices}; RoPE on half of each head. */
final class Bamba implements Family {

    @Override
    public Set<String> modelTypes() {
        return Set.of("bamba");
    }

    @Override
    public DecoderSpec spec(Config c) {
        c.ignore("num_logits_to_keep", "z_loss_coefficient");
        c.whenAbsent("rms_norm_eps", 1e-5)
                .whenAbsent("num_key_value_heads", 8)
                .whenAbsent("partial_rotary_factor", 0.5);
        c.whenAbsent("max_position_embeddings", 262_144);
        Norm norm = new Norm(Norm.Kind.RMS, c.epsilon("rms_norm_eps", 1e-5));
        Mamba2 mamba = StateSpaces.hybrid(c, norm, c.size("mamba_n_groups", 1), false);
        LlamaShape shape = new LlamaShape(c);
        Set<Integer> attending = c.layers("attn_layer_indices", shape.nLayers());
        return shape.attentionBias()
                .mlpBias()
                .partialRotary()
                .mixers((i, attention) -> attending.contains(i) ? attention : mamba)
                .spec();
    }

    @Override
    public WeightPlan weights(DecoderSpec s, Checkpoint checkpoint) {
        return LlamaShape.weights(s, checkpoint);
    }
}
