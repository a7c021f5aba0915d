package org.llminspector.family;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import org.llminspector.checkpoint.Checkpoint;
import org.llminspector.family.WeightPlan.Source;
import org.llminspector.spec.Attention;
import org.llminspector.spec.DecoderSpec;
import org.llminspector.spec.LayerSpec;
import org.llminspector.spec.Mlp;
import org.llminspector.spec.Norm;

/**
 * GPT-Neo (and the TinyStories models): learned positions, LayerNorm, a plain MLP, unscaled attention scores; local
 * layers have a window of window_size positions.
 */
final class GptNeo implements Family {

    @Override
    public Set<String> modelTypes() {
        return Set.of("gpt_neo");
    }

    @Override
    public DecoderSpec spec(Config c) {
        c.ignore("attention_dropout", "embed_dropout", "resid_dropout", "classifier_dropout");
        int dModel = c.size("hidden_size");
        int nHeads = c.size("num_heads");
        if (dModel % nHeads != 0) throw c.wrong("num_heads", "a divisor of hidden_size " + dModel, nHeads);
        int nLayers = c.layers("num_layers");
        Norm norm = new Norm(Norm.Kind.LAYER, c.epsilon("layer_norm_epsilon", 1e-5));
        int dMlp = c.size("intermediate_size", c.product("hidden_size", 4, dModel));
        Mlp mlp = new Mlp(dMlp, c.activation("activation_function", "gelu_new"), false, true);
        int window = c.size("window_size", 256);
        int dHead = dModel / nHeads;
        return new DecoderSpec(
                "gpt_neo",
                c.size("vocab_size"),
                dModel,
                c.size("max_position_embeddings", 2048),
                true,
                1f,
                kinds(c, nLayers).stream()
                        .map(kind -> kind.equals("local") ? window : null)
                        .map(seen -> Attention.plain(nHeads, nHeads, dHead, null, seen, false, true))
                        .map(a -> new LayerSpec(norm, a.scaled(1), null, norm, mlp, null, false))
                        .toList(),
                norm,
                c.flag("tie_word_embeddings", true),
                false,
                null,
                null);
    }

    @Override
    public WeightPlan weights(DecoderSpec s, Checkpoint checkpoint) {
        String root = checkpoint.has("transformer.wte.weight") ? "transformer." : "";
        int d = s.dModel();
        WeightPlan plan = new WeightPlan()
                .put("embed.weight", Source.of(root + "wte.weight", s.vocab(), d))
                .put("pos_embed.weight", Source.of(root + "wpe.weight", s.maxContext(), d));
        for (int i = 0; i < s.nLayers(); i++) {
            String to = "blocks." + i + ".";
            String from = root + "h." + i + ".";
            int dMlp = s.layers().get(i).mlp().dMlp();
            for (String part : List.of("q", "k", "v")) {
                plan.linear(to + "attn." + part, from + "attn.attention." + part + "_proj", d, d, false);
            }
            plan.linear(to + "attn.o", from + "attn.attention.out_proj", d, d, true)
                    .linear(to + "mlp.in", from + "mlp.c_fc", dMlp, d, true)
                    .linear(to + "mlp.out", from + "mlp.c_proj", d, dMlp, true)
                    .layerNorm(to + "ln1", from + "ln_1", d)
                    .layerNorm(to + "ln2", from + "ln_2", d);
        }
        plan.layerNorm("ln_final", root + "ln_f", d);
        return s.tied() ? plan : plan.put("unembed.weight", Source.of("lm_head.weight", s.vocab(), d));
    }

    /** global or local for each layer: listed one by one, or as [kinds, repetitions]. */
    private static List<String> kinds(Config c, int nLayers) {
        JsonNode groups = c.node("attention_types");
        List<JsonNode> listed = c.perLayer("attention_layers", nLayers);
        List<String> kinds = new ArrayList<>();
        if (listed != null) {
            listed.forEach(kind -> kinds.add(kind.asText()));
        } else if (groups != null) {
            for (JsonNode group : groups) {
                for (int n = 0; n < group.path(1).asInt() && kinds.size() < nLayers; n++) {
                    group.path(0).forEach(kind -> kinds.add(kind.asText()));
                }
            }
        }
        if (kinds.size() == nLayers && kinds.stream().allMatch(k -> k.equals("global") || k.equals("local")))
            return kinds;
        throw c.wrong("attention_types", "global or local for each of " + nLayers + " layers", kinds);
    }
}
