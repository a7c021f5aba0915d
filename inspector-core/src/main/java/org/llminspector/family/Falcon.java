package org.llminspector.family;

import java.util.Collections;
import java.util.Set;
import org.llminspector.checkpoint.Checkpoint;
import org.llminspector.family.WeightPlan.Source;
import org.llminspector.spec.Alibi;
import org.llminspector.spec.AlibiBias;
import org.llminspector.spec.Attention;
import org.llminspector.spec.AttentionBuilder;
import org.llminspector.spec.DecoderSpec;
import org.llminspector.spec.LayerSpec;
import org.llminspector.spec.Mlp;
import org.llminspector.spec.Norm;
import org.llminspector.spec.Rope;

/**
 * Falcon: attention and MLP in parallel (config parallel_attn) through one norm or two, RoPE, multi-query or
 * grouped-query attention, q, k, v fused in one matrix: all heads in sequence, or group by group
 * (new_decoder_architecture). Its first models have ALiBi instead of RoPE, rounded to bfloat16 and scaled like q . k.
 */
final class Falcon implements Family {

    @Override
    public Set<String> modelTypes() {
        return Set.of("falcon");
    }

    @Override
    public DecoderSpec spec(Config c) {
        c.ignore("attention_dropout", "hidden_dropout", "num_kv_heads");
        c.ignore("num_ln_in_parallel_attn"); // the files show the number
        int dModel = c.size("hidden_size");
        int nHeads = c.size("num_attention_heads");
        if (dModel % nHeads != 0) throw c.wrong("num_attention_heads", "a divisor of hidden_size " + dModel, nHeads);
        boolean grouped = c.flag("new_decoder_architecture", false);
        int ungrouped = c.flag("multi_query", true) ? 1 : nHeads;
        int nKvHeads = grouped ? c.size("num_kv_heads", nHeads) : ungrouped;
        if (nHeads % nKvHeads != 0) throw c.wrong("num_kv_heads", "a divisor of " + nHeads, nKvHeads);
        int maxContext = c.size("max_position_embeddings", 2048);
        Norm norm = new Norm(Norm.Kind.LAYER, c.epsilon("layer_norm_epsilon", 1e-5));
        boolean bias = c.flag("bias", false);
        Rope turn = RopeConfig.read(c, dModel / nHeads, maxContext, 10_000);
        boolean alibi = c.flag("alibi", false);
        Attention plain = Attention.plain(nHeads, nKvHeads, dModel / nHeads, alibi ? null : turn, null, bias, bias);
        Alibi slopes = alibi ? new Alibi(AlibiBias.of(nHeads, 8).slopes(), plain.scale(), true) : null;
        Attention attention = AttentionBuilder.builder(plain).alibi(slopes).build();
        boolean parallel = c.flag("parallel_attn", true) || grouped;
        Mlp mlp = new Mlp(
                c.size("ffn_hidden_size", c.product("hidden_size", 4, dModel)),
                c.activation("activation", "gelu"),
                false,
                bias);
        return new DecoderSpec(
                "falcon",
                c.size("vocab_size"),
                dModel,
                alibi ? maxContext : RopeConfig.reach(maxContext, turn),
                false,
                1f,
                Collections.nCopies(
                        c.layers("num_hidden_layers"), new LayerSpec(norm, attention, null, norm, mlp, null, parallel)),
                norm,
                c.flag("tie_word_embeddings", true),
                false,
                null,
                null);
    }

    @Override
    public WeightPlan weights(DecoderSpec s, Checkpoint checkpoint) {
        String root = checkpoint.has("transformer.word_embeddings.weight") ? "transformer." : "";
        int d = s.dModel();
        WeightPlan plan =
                new WeightPlan().put("embed.weight", Source.of(root + "word_embeddings.weight", s.vocab(), d));
        plan.norm(s.embedNorm(), "ln_embed", root + "word_embeddings_layernorm", d);
        for (int i = 0; i < s.nLayers(); i++) {
            String to = "blocks." + i + ".";
            String from = root + "h." + i + ".";
            LayerSpec layer = s.layers().get(i);
            Mlp mlp = layer.mlp();
            plan.qkvByGroup(layer.attention(), to + "attn.", from + "self_attention.query_key_value", d);
            boolean two = checkpoint.has(from + "ln_attn.weight");
            String second = layer.parallel() ? "input_layernorm" : "post_attention_layernorm";
            plan.linear(
                            to + "attn.o",
                            from + "self_attention.dense",
                            d,
                            d,
                            layer.attention().outBias())
                    .linear(to + "mlp.in", from + "mlp.dense_h_to_4h", mlp.dMlp(), d, mlp.bias())
                    .linear(to + "mlp.out", from + "mlp.dense_4h_to_h", d, mlp.dMlp(), mlp.bias())
                    .layerNorm(to + "ln1", from + (two ? "ln_attn" : "input_layernorm"), d)
                    .layerNorm(to + "ln2", from + (two ? "ln_mlp" : second), d);
        }
        plan.layerNorm("ln_final", root + "ln_f", d);
        return s.tied() ? plan : plan.put("unembed.weight", Source.of("lm_head.weight", s.vocab(), d));
    }
}
