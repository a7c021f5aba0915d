package org.llminspector.family;

import java.util.Collections;
import java.util.List;
import java.util.Set;
import org.llminspector.checkpoint.Checkpoint;
import org.llminspector.family.WeightPlan.Source;
import org.llminspector.spec.Attention;
import org.llminspector.spec.DecoderSpec;
import org.llminspector.spec.LayerSpec;
import org.llminspector.spec.Mlp;
import org.llminspector.spec.Norm;
import org.llminspector.spec.Rope;

/**
 * GPT-NeoX (Pythia): LayerNorm, a plain MLP, biases, RoPE on a part of each head, attention and MLP in parallel unless
 * use_parallel_residual is off; q, k, v fused in one matrix, head by head.
 */
final class GptNeoX implements Family {

    @Override
    public Set<String> modelTypes() {
        return Set.of("gpt_neox");
    }

    @Override
    public DecoderSpec spec(Config c) {
        c.ignore("attention_dropout", "hidden_dropout", "classifier_dropout");
        c.spelled("rope_theta", "rotary_emb_base").spelled("partial_rotary_factor", "rotary_pct");
        c.whenAbsent("rotary_pct", 0.25);
        int dModel = c.size("hidden_size");
        int nHeads = c.size("num_attention_heads");
        if (dModel % nHeads != 0) throw c.wrong("num_attention_heads", "a divisor of hidden_size " + dModel, nHeads);
        int dHead = dModel / nHeads;
        int maxContext = c.size("max_position_embeddings", 2048);
        Norm norm = new Norm(Norm.Kind.LAYER, c.epsilon("layer_norm_eps", 1e-5));
        Rope rope = RopeConfig.read(c, dHead, maxContext, 10_000);
        boolean bias = c.flag("attention_bias", true);
        Attention attention = Attention.plain(nHeads, nHeads, dHead, rope, null, bias, bias);
        Mlp mlp = new Mlp(c.size("intermediate_size"), c.activation("hidden_act", "gelu"), false, true);
        boolean parallel = c.flag("use_parallel_residual", true);
        LayerSpec layer = new LayerSpec(norm, attention, null, norm, mlp, null, parallel);
        return new DecoderSpec(
                "gpt_neox",
                c.size("vocab_size"),
                dModel,
                RopeConfig.reach(maxContext, rope),
                false,
                1f,
                Collections.nCopies(c.layers("num_hidden_layers"), layer),
                norm,
                c.flag("tie_word_embeddings", false),
                false,
                null,
                null);
    }

    @Override
    public WeightPlan weights(DecoderSpec s, Checkpoint checkpoint) {
        String root = checkpoint.has("gpt_neox.embed_in.weight") ? "gpt_neox." : "";
        int d = s.dModel();
        WeightPlan plan = new WeightPlan().put("embed.weight", Source.of(root + "embed_in.weight", s.vocab(), d));
        for (int i = 0; i < s.nLayers(); i++) {
            String to = "blocks." + i + ".";
            String from = root + "layers." + i + ".";
            Attention a = s.layers().get(i).attention();
            int dMlp = s.layers().get(i).mlp().dMlp();
            for (String part : List.of("q", "k", "v")) {
                int at = "qkv".indexOf(part);
                String fused = from + "attention.query_key_value";
                plan.put(
                        to + "attn." + part + ".weight",
                        Source.of(fused + ".weight", 3L * d, d).everyBlock(a.dHead(), at, 3));
                if (a.qkvBias())
                    plan.put(
                            to + "attn." + part + ".bias",
                            Source.of(fused + ".bias", 3L * d).everyBlock(a.dHead(), at, 3));
            }
            plan.linear(to + "attn.o", from + "attention.dense", d, d, a.outBias())
                    .linear(to + "mlp.in", from + "mlp.dense_h_to_4h", dMlp, d, true)
                    .linear(to + "mlp.out", from + "mlp.dense_4h_to_h", d, dMlp, true)
                    .layerNorm(to + "ln1", from + "input_layernorm", d)
                    .layerNorm(to + "ln2", from + "post_attention_layernorm", d);
        }
        plan.layerNorm("ln_final", root + "final_layer_norm", d);
        return s.tied() ? plan : plan.put("unembed.weight", Source.of("embed_out.weight", s.vocab(), d));
    }
}
