package org.llminspector.family;

import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import org.llminspector.checkpoint.Checkpoint;
import org.llminspector.spec.DecoderSpec;
import org.llminspector.spec.DecoderSpecBuilder;
import org.llminspector.spec.Experts;
import org.llminspector.spec.LayerSpec;
import org.llminspector.spec.LayerSpecBuilder;
import org.llminspector.spec.Lightning;
import org.llminspector.spec.Norm;
import org.llminspector.spec.StreamFactors;

/**
 * MiniMax-Text-01: lightning attention in most layers, Mixtral's experts in every one, and norms in the stream, to which
 * a layer's parts are added with factors of their own.
 */
final class MiniMax implements Family {

    @Override
    public Set<String> modelTypes() {
        return Set.of("minimax");
    }

    @Override
    public DecoderSpec spec(Config c) {
        c.ignore("block_size", "router_aux_loss_coef", "router_jitter_noise", "output_router_logits");
        c.whenAbsent("rope_theta", 1e6).whenAbsent("rms_norm_eps", 1e-5).whenAbsent("num_key_value_heads", 8);
        Experts experts = new Experts(c.size("num_local_experts", 8), c.size("num_experts_per_tok", 2), true);
        LlamaShape shape = new LlamaShape(c)
                .window(c.sizeOrNull("sliding_window"))
                .experts(experts, c.size("intermediate_size"), layer -> true);
        int heads = c.size("num_attention_heads");
        int dHead = c.size("head_dim", c.size("hidden_size") / heads);
        int layers = shape.nLayers();
        Norm norm = new Norm(Norm.Kind.RMS, 1e-6); // its epsilon is in no field
        DecoderSpec all = shape.mixers((i, attention) -> StateSpaces.attends(c, i, layers)
                        ? attention
                        : new Lightning(dHead, decays(heads, i, layers), norm))
                .spec();
        StreamFactors full = factors(c, "full_attn");
        StreamFactors linear = factors(c, "linear_attn");
        List<LayerSpec> own = new ArrayList<>();
        for (LayerSpec l : all.layers())
            own.add(LayerSpecBuilder.builder(l)
                    .streamNorms(true)
                    .factors(l.attends() ? full : linear)
                    .build());
        return DecoderSpecBuilder.builder(all).layers(own).build();
    }

    private static StreamFactors factors(Config c, String mixer) {
        return new StreamFactors(
                (float) c.number(mixer + "_alpha_factor", 1),
                (float) c.number(mixer + "_beta_factor", 1),
                (float) c.number("mlp_alpha_factor", 1),
                (float) c.number("mlp_beta_factor", 1));
    }

    /** exp of minus a head's slope: slopes are ALiBi's, less in later layers. */
    private static List<Float> decays(int heads, int layer, int layers) {
        double factor = 1 - layer / (layers - 1 + 1e-5) + 1e-5;
        List<Float> decays = new ArrayList<>();
        for (int h = 1; h <= heads; h++) decays.add((float) Math.exp(-Math.pow(2, -8.0 * h / heads) * factor));
        return decays;
    }

    @Override
    public WeightPlan weights(DecoderSpec s, Checkpoint checkpoint) {
        return LlamaShape.weights(s, checkpoint);
    }
}
