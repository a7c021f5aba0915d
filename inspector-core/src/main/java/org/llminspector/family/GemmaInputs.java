package org.llminspector.family;

import java.util.List;
import java.util.function.IntPredicate;
import org.llminspector.family.WeightPlan.Source;
import org.llminspector.spec.Activation;
import org.llminspector.spec.AttentionBuilder;
import org.llminspector.spec.DecoderSpec;
import org.llminspector.spec.DecoderSpec.LayerInputs;
import org.llminspector.spec.Norm;

/** What Gemma 3n and 4 share: attention with normed values and the keys of earlier layers; per-layer embeddings. */
final class GemmaInputs {

    private GemmaInputs() {}

    /** The text part of a multimodal model's config, whose own fields are of other parts; or the config itself. */
    static Config text(Config c, String type) {
        if (!c.has("text_config")) return c;
        c.ignore("vision_config", "audio_config");
        for (String part : List.of("image", "vision", "audio", "video"))
            c.ignore(part + "_token_id", part + "_token_index", part + "_soft_tokens_per_image");
        for (String part : List.of("boi", "eoi", "boa", "eoa")) c.ignore(part + "_token_id", part + "_token_index");
        return c.inside("text_config")
                .whenAbsent("model_type", type)
                .whenAbsent("tie_word_embeddings", c.flag("tie_word_embeddings", true));
    }

    /**
     * Attention of scale 1 with norms of q, k and v; the last layers (config {@code num_kv_shared_layers}) read keys and
     * values of the last layer before them with the same reach.
     */
    static AttentionBuilder attention(
            Config c, int layer, int nLayers, IntPredicate windowed, Norm norm, AttentionBuilder a) {
        AttentionBuilder own =
                a.scale(1f).qNorm(norm).kNorm(norm).vNorm(new Norm(norm.kind(), norm.eps(), false, false));
        int first = firstShared(c, nLayers);
        if (layer < first) return own;
        int from = first - 1;
        while (from >= 0 && windowed.test(from) != windowed.test(layer)) from--;
        if (from < 0)
            throw c.wrong(
                    "num_kv_shared_layers",
                    "a layer of each kind of layer_types before those that share",
                    nLayers - first);
        return own.kNorm(null).vNorm(null).keysFrom(from);
    }

    /** The first layer that has no keys of its own. */
    static int firstShared(Config c, int nLayers) {
        double shared = c.number("num_kv_shared_layers", 0);
        if (shared < 0 || shared >= nLayers || shared != Math.rint(shared))
            throw c.wrong("num_kv_shared_layers", "a whole number below the " + nLayers + " layers", shared);
        return nLayers - (int) shared;
    }

    /** Per-layer embeddings; null where the config's width is 0 or null. */
    static LayerInputs inputs(Config c, int vocab, Activation activation, Norm norm) {
        if (c.number("hidden_size_per_layer_input", 0) == 0) {
            c.ignore("vocab_size_per_layer_input");
            return null;
        }
        return new LayerInputs(
                c.size("hidden_size_per_layer_input"), c.size("vocab_size_per_layer_input", vocab), activation, norm);
    }

    /** @param root prefix of the names in the files */
    static void put(WeightPlan plan, DecoderSpec s, String root) {
        if (s.layerInputs() == null) return;
        int d = s.dModel();
        int width = s.layerInputs().width();
        int all = Math.multiplyExact(s.nLayers(), width);
        plan.put(
                        Weights.LAYER_TABLE,
                        Source.of(
                                root + "embed_tokens_per_layer.weight",
                                s.layerInputs().vocab(),
                                all))
                .linear("ple.project", root + "per_layer_model_projection", all, d, false)
                .rmsNorm("ple.project_norm", root + "per_layer_projection_norm", width);
        for (int i = 0; i < s.nLayers(); i++) {
            String to = "blocks." + i + ".ple.";
            String from = root + "layers." + i + ".";
            plan.linear(to + "gate", from + "per_layer_input_gate", width, d, false)
                    .linear(to + "out", from + "per_layer_projection", d, width, false)
                    .rmsNorm(to + "out_norm", from + "post_per_layer_input_norm", d);
        }
    }
}
