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

/**
 * GPT-BigCode (StarCoder, SantaCoder): GPT-2 with Linear instead of Conv1D and, with multi_query, one head of keys and
 * values for all queries.
 */
final class GptBigCode implements Family {

    @Override
    public Set<String> modelTypes() {
        return Set.of("gpt_bigcode");
    }

    @Override
    public DecoderSpec spec(Config c) {
        c.ignore("attn_pdrop", "embd_pdrop", "resid_pdrop", "num_key_value_heads");
        c.ignore("attention_softmax_in_fp32", "scale_attention_softmax_in_fp32");
        // Settings of the serving code.
        c.ignore("inference_runner", "max_batch_size", "max_sequence_length", "pad_key_length");
        c.ignore("pre_allocate_kv_cache", "validate_runner_input");
        int dModel = c.size("n_embd");
        int nHeads = c.size("n_head");
        if (dModel % nHeads != 0) throw c.wrong("n_head", "a divisor of n_embd " + dModel, nHeads);
        int dHead = dModel / nHeads;
        Norm norm = new Norm(Norm.Kind.LAYER, c.epsilon("layer_norm_epsilon", 1e-5));
        boolean scaled = c.flag("scale_attn_weights", true);
        int nKvHeads = c.flag("multi_query", true) ? 1 : nHeads;
        Attention attention = Attention.plain(nHeads, nKvHeads, dHead, null, null, true, true);
        Mlp mlp = new Mlp(
                c.size("n_inner", c.product("n_embd", 4, dModel)),
                c.activation("activation_function", "gelu_pytorch_tanh"),
                false,
                true);
        return new DecoderSpec(
                "gpt_bigcode",
                c.size("vocab_size"),
                dModel,
                c.size("n_positions", 1024),
                true,
                1f,
                Collections.nCopies(
                        c.layers("n_layer"),
                        new LayerSpec(norm, scaled ? attention : attention.scaled(1), null, norm, mlp, null, false)),
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
            Attention a = s.layers().get(i).attention();
            int dMlp = s.layers().get(i).mlp().dMlp();
            int kv = a.nKvHeads() * a.dHead();
            for (String end : List.of(".weight", ".bias")) {
                String fused = from + "attn.c_attn" + end;
                Source qkv = end.equals(".bias") ? Source.of(fused, d + 2L * kv) : Source.of(fused, d + 2L * kv, d);
                // One key head for all queries comes after them; a key head per query head follows its query.
                boolean after = a.nKvHeads() == 1;
                plan.put(to + "attn.q" + end, after ? qkv.rows(0, d) : qkv.everyBlock(a.dHead(), 0, 3))
                        .put(to + "attn.k" + end, after ? qkv.rows(d, d + kv) : qkv.everyBlock(a.dHead(), 1, 3))
                        .put(
                                to + "attn.v" + end,
                                after ? qkv.rows(d + kv, d + 2 * kv) : qkv.everyBlock(a.dHead(), 2, 3));
            }
            plan.linear(to + "attn.o", from + "attn.c_proj", d, d, true)
                    .linear(to + "mlp.in", from + "mlp.c_fc", dMlp, d, true)
                    .linear(to + "mlp.out", from + "mlp.c_proj", d, dMlp, true)
                    .layerNorm(to + "ln1", from + "ln_1", d)
                    .layerNorm(to + "ln2", from + "ln_2", d);
        }
        plan.layerNorm("ln_final", root + "ln_f", d);
        return s.tied() ? plan : plan.put("unembed.weight", Source.of("lm_head.weight", s.vocab(), d));
    }
}
