package org.llminspector.family;

import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import org.llminspector.checkpoint.Checkpoint;
import org.llminspector.spec.Activation;
import org.llminspector.spec.DecoderSpec;
import org.llminspector.spec.DecoderSpec.AltUp;
import org.llminspector.spec.DecoderSpecBuilder;
import org.llminspector.spec.LayerSpec;
import org.llminspector.spec.LayerSpec.Laurel;
import org.llminspector.spec.LayerSpecBuilder;
import org.llminspector.spec.Norm;
import org.llminspector.spec.StreamFactors;

/**
 * Gemma 3n, its text part: a stream of several forms ({@link AltUp}), a low-rank path parallel to attention ({@link
 * Laurel}), {@link GemmaInputs}, and MLPs of which only the highest gates are used in the first layers.
 */
final class Gemma3n implements Family {

    private static final float HALF = (float) Math.sqrt(0.5);

    @Override
    public Set<String> modelTypes() {
        return Set.of("gemma3n_text", "gemma3n");
    }

    @Override
    public DecoderSpec spec(Config c) {
        return text(GemmaInputs.text(c, "gemma3n_text"));
    }

    private static DecoderSpec text(Config c) {
        c.whenAbsent("vocab_size", 262_400)
                .whenAbsent("num_hidden_layers", 35)
                .whenAbsent("hidden_size", 2048)
                .whenAbsent("num_key_value_heads", 2)
                .whenAbsent("intermediate_size", 16_384)
                .whenAbsent("max_position_embeddings", 32_768)
                .whenAbsent("sliding_window", 512)
                .whenAbsent("num_kv_shared_layers", 15)
                .whenAbsent("final_logit_softcapping", 30.0)
                .ignore("altup_coef_clip"); // of training
        if (c.number("altup_active_idx", 0) != 0)
            throw c.wrong("altup_active_idx", "0: layers compute with the first form", c.number("altup_active_idx"));
        LlamaShape shape = Gemma2.shape(c).softcaps(null, c.positiveOrNull("final_logit_softcapping"));
        int n = shape.nLayers();
        Norm norm = new Norm(Norm.Kind.RMS, c.epsilon("rms_norm_eps", 1e-6));
        Config ropes = c.inside("rope_parameters");
        boolean v5 = ropes.has("full_attention");
        shape.window(c.size("sliding_window"), i -> (i + 1) % 5 != 0)
                .ropes(
                        v5 ? ropes.inside("full_attention") : c.inside("rope_scaling"),
                        c.positive("rope_theta", 1_000_000),
                        ropes.inside("sliding_attention"),
                        c.positive("rope_local_base_freq", 10_000))
                .attention((i, a) -> GemmaInputs.attention(c, i, n, shape::windowed, norm, a));
        SparseMlps mlps = new SparseMlps(c, n);
        DecoderSpec spec = shape.neurons(1).spec();
        Laurel laurel = new Laurel(c.size("laurel_rank", 64), norm);
        List<LayerSpec> layers = new ArrayList<>();
        for (LayerSpec layer : spec.layers())
            layers.add(LayerSpecBuilder.builder(layer)
                    .mlp(mlps.of(layers.size(), layer.mlp()))
                    .factors(new StreamFactors(HALF, HALF, 1, 1))
                    .laurel(laurel)
                    .build());
        Activation act = spec.layers().get(0).mlp().activation();
        return DecoderSpecBuilder.builder(spec)
                .layers(layers)
                .layerInputs(GemmaInputs.inputs(c, 262_144, act, norm))
                .altUp(new AltUp(c.size("altup_num_inputs", 4), norm, c.flag("altup_correct_scale", true)))
                .build();
    }

    @Override
    public WeightPlan weights(DecoderSpec s, Checkpoint checkpoint) {
        WeightPlan plan = LlamaShape.weights(s, checkpoint);
        String root = LlamaShape.root(checkpoint);
        GemmaInputs.put(plan, s, root);
        AltUpTensors.put(plan, s, root);
        return plan;
    }
}
