package org.llminspector.family;

import java.util.Set;
import java.util.stream.IntStream;
import org.llminspector.base.Problem;
import org.llminspector.checkpoint.Checkpoint;
import org.llminspector.family.WeightPlan.Source;
import org.llminspector.spec.Activation;
import org.llminspector.spec.DecoderSpec;
import org.llminspector.spec.DecoderSpecBuilder;
import org.llminspector.spec.LayerSpecBuilder;
import org.llminspector.spec.Norm;
import org.llminspector.spec.Rope;

/**
 * Gemma 4, its text part: norms as Gemma 3 has them, with plain weights; {@link GemmaInputs}; layers of the whole
 * context have larger heads, of which a share of the pairs turns, and may read keys as values; the stream after each
 * layer is multiplied by a number.
 */
final class Gemma4 implements Family {

    @Override
    public Set<String> modelTypes() {
        return Set.of("gemma4_text", "gemma4");
    }

    @Override
    public DecoderSpec spec(Config c) {
        return text(GemmaInputs.text(c, "gemma4_text"));
    }

    private static DecoderSpec text(Config c) {
        c.whenAbsent("vocab_size", 262_144)
                .whenAbsent("hidden_size_per_layer_input", 256)
                .whenAbsent("max_position_embeddings", 131_072)
                .whenAbsent("sliding_window", 512);
        if ("all".equals(c.textOr("use_bidirectional_attention", "vision")))
            throw Problem.unsupported("this model's tokens attend to later ones")
                    .where(c.at("use_bidirectional_attention"))
                    .expected("vision, or null: text is causal")
                    .found("all");
        LlamaShape shape = Gemma2.shape(c).softcaps(null, c.positiveOrNull("final_logit_softcapping"));
        int n = shape.nLayers();
        shape.window(c.size("sliding_window"), i -> (i + 1) % 6 != 0 && i + 1 < n);
        Norm norm = new Norm(Norm.Kind.RMS, c.epsilon("rms_norm_eps", 1e-6));
        int context = c.size("max_position_embeddings");
        Config ropes = c.inside("rope_parameters");
        Config whole = ropes.inside("full_attention").whenAbsent("rope_type", "proportional");
        whole.whenAbsent("partial_rotary_factor", 0.25);
        Config sliding = ropes.inside("sliding_attention");
        int globalHead = c.size("global_head_dim", 512);
        boolean valuesAreKeys = c.flag("attention_k_eq_v", false);
        Integer globalKv = valuesAreKeys ? c.sizeOrNull("num_global_key_value_heads") : null;
        if (!valuesAreKeys) c.ignore("num_global_key_value_heads");
        int heads = c.size("num_attention_heads");
        DecoderSpec spec = shape.ropes(sliding, 10_000, sliding, 10_000)
                .attention((i, a) -> {
                    GemmaInputs.attention(c, i, n, shape::windowed, norm, a);
                    if (shape.windowed(i)) return a;
                    Config own = c.inside("per_layer_config").inside(name(c, i));
                    int dHead = own.size("head_dim", globalHead);
                    int kv = own.size(
                            "num_key_value_heads", globalKv == null ? c.size("num_key_value_heads", heads) : globalKv);
                    if (heads % kv != 0) throw c.wrong("num_global_key_value_heads", "a divisor of " + heads, kv);
                    Rope rope = RopeConfig.read(c, whole, dHead, context, 1_000_000);
                    return a.dHead(dHead).dValue(dHead).nKvHeads(kv).rope(rope).valuesAreKeys(valuesAreKeys);
                })
                .spec();
        Activation act = spec.layers().get(0).mlp().activation();
        GemmaMlps mlps = new GemmaMlps(c, norm);
        return DecoderSpecBuilder.builder(spec)
                .layers(spec.layers().stream()
                        .map(l -> LayerSpecBuilder.builder(l)
                                .mlp(mlps.of(l))
                                .scaled(true)
                                .build())
                        .toList())
                .layerInputs(GemmaInputs.inputs(c, spec.vocab(), act, norm))
                .build();
    }

    /** The key of a layer in per_layer_config: its number, with leading zeros in longer models. */
    private static String name(Config c, int layer) {
        String padded = (layer < 10 ? "0" : "") + layer;
        return c.inside("per_layer_config").has(padded) ? padded : Integer.toString(layer);
    }

    @Override
    public WeightPlan weights(DecoderSpec s, Checkpoint checkpoint) {
        WeightPlan plan = LlamaShape.weights(s, checkpoint);
        String root = LlamaShape.root(checkpoint);
        GemmaInputs.put(plan, s, root);
        IntStream.range(0, s.nLayers())
                .forEach(i -> plan.put(
                        "blocks." + i + ".out_scale.weight", Source.of(root + "layers." + i + ".layer_scalar", 1)));
        return plan;
    }
}
