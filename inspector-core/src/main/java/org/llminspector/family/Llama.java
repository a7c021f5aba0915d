package org.llminspector.family;

import java.util.Collections;
import java.util.Set;
import org.llminspector.checkpoint.Checkpoint;
import org.llminspector.family.WeightPlan.Source;
import org.llminspector.spec.Attention;
import org.llminspector.spec.DecoderSpec;
import org.llminspector.spec.LayerSpec;
import org.llminspector.spec.Mlp;
import org.llminspector.spec.Norm;
import org.llminspector.spec.Rope;

/** Llama (2, 3, SmolLM2, TinyLlama): RMSNorm, RoPE, grouped-query attention, SwiGLU. Other families say only how they differ. */
final class Llama implements Family {

    @Override
    public Set<String> modelTypes() {
        return Set.of("llama");
    }

    @Override
    public DecoderSpec spec(Config c) {
        c.ignore("attention_dropout");
        int dModel = c.size("hidden_size");
        int nHeads = c.size("num_attention_heads");
        int nKvHeads = c.size("num_key_value_heads", nHeads);
        if (nHeads % nKvHeads != 0) throw c.wrong("num_key_value_heads", "a divisor of " + nHeads, nKvHeads);
        int dHead = c.size("head_dim", dModel / nHeads);
        int maxContext = c.size("max_position_embeddings", 2048);
        Norm norm = new Norm(Norm.Kind.RMS, c.number("rms_norm_eps", 1e-6));
        Rope rope = RopeConfig.read(c, dHead, maxContext, 10_000);
        boolean attentionBias = c.flag("attention_bias", false);
        Attention attention = new Attention(
                nHeads,
                nKvHeads,
                dHead,
                (float) (1 / Math.sqrt(dHead)),
                rope,
                null,
                null,
                attentionBias,
                attentionBias,
                null,
                null,
                false);
        Mlp mlp = new Mlp(
                c.size("intermediate_size"), c.activation("hidden_act", "silu"), true, c.flag("mlp_bias", false));
        LayerSpec layer = new LayerSpec(norm, attention, null, norm, mlp, null, false);
        return new DecoderSpec(
                "llama",
                c.size("vocab_size"),
                dModel,
                maxContext,
                false,
                1f,
                Collections.nCopies(c.size("num_hidden_layers"), layer),
                norm,
                c.flag("tie_word_embeddings", false),
                null);
    }

    @Override
    public WeightPlan weights(DecoderSpec s, Checkpoint checkpoint) {
        String root = checkpoint.has("model.embed_tokens.weight") ? "model." : "";
        int d = s.dModel();
        WeightPlan plan = new WeightPlan().put("embed.weight", Source.of(root + "embed_tokens.weight", s.vocab(), d));
        for (int i = 0; i < s.nLayers(); i++) {
            String to = "blocks." + i + ".";
            String from = root + "layers." + i + ".";
            Attention a = s.layers().get(i).attention();
            Mlp mlp = s.layers().get(i).mlp();
            int q = a.nHeads() * a.dHead();
            int kv = a.nKvHeads() * a.dHead();
            plan.put(to + "ln1.weight", Source.of(from + "input_layernorm.weight", d))
                    .put(to + "ln2.weight", Source.of(from + "post_attention_layernorm.weight", d));
            linear(plan, to + "attn.q", from + "self_attn.q_proj", q, d, a.qkvBias());
            linear(plan, to + "attn.k", from + "self_attn.k_proj", kv, d, a.qkvBias());
            linear(plan, to + "attn.v", from + "self_attn.v_proj", kv, d, a.qkvBias());
            linear(plan, to + "attn.o", from + "self_attn.o_proj", d, q, a.outBias());
            linear(plan, to + "mlp.gate", from + "mlp.gate_proj", mlp.dMlp(), d, mlp.bias());
            linear(plan, to + "mlp.in", from + "mlp.up_proj", mlp.dMlp(), d, mlp.bias());
            linear(plan, to + "mlp.out", from + "mlp.down_proj", d, mlp.dMlp(), mlp.bias());
        }
        plan.put("ln_final.weight", Source.of(root + "norm.weight", d));
        if (!s.tied()) plan.put("unembed.weight", Source.of("lm_head.weight", s.vocab(), d));
        return plan;
    }

    static void linear(WeightPlan plan, String to, String from, int out, int in, boolean bias) {
        plan.put(to + ".weight", Source.of(from + ".weight", out, in));
        if (bias) plan.put(to + ".bias", Source.of(from + ".bias", out));
    }
}
