package org.llminspector.family;

import java.util.Collections;
import java.util.List;
import java.util.Set;
import org.llminspector.checkpoint.Checkpoint;
import org.llminspector.family.WeightPlan.Source;
import org.llminspector.spec.Activation;
import org.llminspector.spec.AlibiBias;
import org.llminspector.spec.Attention;
import org.llminspector.spec.AttentionBuilder;
import org.llminspector.spec.DecoderSpec;
import org.llminspector.spec.LayerSpec;
import org.llminspector.spec.Mlp;
import org.llminspector.spec.Norm;

/** MPT: ALiBi, LayerNorms without biases, q, k, v fused in one matrix in sequence, clamped if clip_qkv is set. */
final class Mpt implements Family {

    @Override
    public Set<String> modelTypes() {
        return Set.of("mpt");
    }

    @Override
    public DecoderSpec spec(Config c) {
        c.ignore("emb_pdrop", "resid_pdrop", "embedding_fraction", "init_device", "init_config");
        c.ignore("tokenizer_name", "verbose");
        c.ignore("learned_pos_emb"); // unused with ALiBi
        c.ignore("expansion_ratio"); // the reference's MLP is always four times as wide
        int dModel = c.size("d_model");
        int nHeads = c.size("n_heads");
        if (dModel % nHeads != 0) throw c.wrong("n_heads", "a divisor of d_model " + dModel, nHeads);
        if (!c.flag("no_bias", true)) throw c.wrong("no_bias", "true", false);
        oneOf(c, "norm_type", "low_precision_layernorm", "layernorm"); // they differ only in precision
        Config a = c.inside("attn_config");
        a.ignore("attn_pdrop", "attn_impl");
        oneOf(a, "attn_type", "multihead_attention", "multihead_attention");
        if (!a.flag("alibi", true)) throw a.wrong("alibi", "true: learned positions of MPT are not read", false);
        int dHead = dModel / nHeads;
        Attention attention = AttentionBuilder.builder(Attention.plain(nHeads, nHeads, dHead, null, null, false, false))
                .scale((float) a.number("softmax_scale", 1 / Math.sqrt(dHead)))
                .alibi(AlibiBias.of(nHeads, a.number("alibi_bias_max", 8)))
                .clip(a.positiveOrNull("clip_qkv"))
                .build();
        Norm norm = new Norm(Norm.Kind.LAYER, c.epsilon("layer_norm_epsilon", 1e-5), true, false);
        Mlp mlp = new Mlp(c.product("d_model", 4, dModel), Activation.GELU, false, false);
        return new DecoderSpec(
                "mpt",
                c.size("vocab_size"),
                dModel,
                c.size("max_seq_len", 2048),
                false,
                1f,
                Collections.nCopies(c.layers("n_layers"), new LayerSpec(norm, attention, null, norm, mlp, null, false)),
                norm,
                c.flag("tie_word_embeddings", true),
                false,
                null,
                null);
    }

    private static void oneOf(Config c, String field, String usual, String other) {
        String found = c.has(field) ? c.text(field) : usual;
        if (!found.equals(usual) && !found.equals(other)) throw c.wrong(field, usual, found);
    }

    @Override
    public WeightPlan weights(DecoderSpec s, Checkpoint checkpoint) {
        String root = checkpoint.has("transformer.wte.weight") ? "transformer." : "";
        int d = s.dModel();
        WeightPlan plan = new WeightPlan().put("embed.weight", Source.of(root + "wte.weight", s.vocab(), d));
        for (int i = 0; i < s.nLayers(); i++) {
            String to = "blocks." + i + ".";
            String from = root + "blocks." + i + ".";
            int dMlp = s.layers().get(i).mlp().dMlp();
            Source qkv = Source.of(from + "attn.Wqkv.weight", 3L * d, d);
            for (String part : List.of("q", "k", "v")) {
                int at = "qkv".indexOf(part) * d;
                plan.put(to + "attn." + part + ".weight", qkv.rows(at, at + d));
            }
            plan.linear(to + "attn.o", from + "attn.out_proj", d, d, false)
                    .linear(to + "mlp.in", from + "ffn.up_proj", dMlp, d, false)
                    .linear(to + "mlp.out", from + "ffn.down_proj", d, dMlp, false)
                    .norm(s.finalNorm(), to + "ln1", from + "norm_1", d)
                    .norm(s.finalNorm(), to + "ln2", from + "norm_2", d);
        }
        plan.norm(s.finalNorm(), "ln_final", root + "norm_f", d);
        return s.tied() ? plan : plan.put("unembed.weight", Source.of("lm_head.weight", s.vocab(), d));
    }
}
