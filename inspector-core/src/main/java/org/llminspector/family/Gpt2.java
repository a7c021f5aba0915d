package org.llminspector.family;

import java.util.List;
import java.util.Set;
import java.util.stream.IntStream;
import org.llminspector.checkpoint.Checkpoint;
import org.llminspector.family.WeightPlan.Source;
import org.llminspector.spec.Attention;
import org.llminspector.spec.DecoderSpec;
import org.llminspector.spec.LayerSpec;
import org.llminspector.spec.Mlp;
import org.llminspector.spec.Norm;

/**
 * GPT-2: learned positions, LayerNorm, a plain MLP, biases everywhere, q/k/v fused in one Conv1D.
 *
 * <p>Conv1D stores its matrices [in, out]: they are transposed here.
 */
final class Gpt2 implements Family {

    @Override
    public Set<String> modelTypes() {
        return Set.of("gpt2");
    }

    @Override
    public DecoderSpec spec(Config c) {
        c.ignore("attn_pdrop", "embd_pdrop", "resid_pdrop", "reorder_and_upcast_attn");
        int dModel = c.size("n_embd");
        int nHeads = c.size("n_head");
        if (dModel % nHeads != 0) throw c.wrong("n_head", "a divisor of n_embd " + dModel, nHeads);
        int dHead = dModel / nHeads;
        Norm norm = new Norm(Norm.Kind.LAYER, c.epsilon("layer_norm_epsilon", 1e-5));
        Mlp mlp = new Mlp(
                c.size("n_inner", c.product("n_embd", 4, dModel)),
                c.activation("activation_function", "gelu_new"),
                false,
                true);
        float base = c.flag("scale_attn_weights", true) ? (float) (1 / Math.sqrt(dHead)) : 1f;
        boolean byLayer = c.flag("scale_attn_by_inverse_layer_idx", false);
        return new DecoderSpec(
                "gpt2",
                c.size("vocab_size"),
                dModel,
                c.size("n_positions", 1024),
                true,
                1f,
                IntStream.range(0, c.layers("n_layer"))
                        .mapToObj(i -> {
                            float scale = byLayer ? base / (i + 1) : base;
                            Attention attention = Attention.plain(nHeads, nHeads, dHead, null, null, true, true)
                                    .scaled(scale);
                            return new LayerSpec(norm, attention, null, norm, mlp, null, false);
                        })
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
                int at = "qkv".indexOf(part) * d;
                plan.put(
                                to + "attn." + part + ".weight",
                                Source.of(from + "attn.c_attn.weight", d, 3L * d)
                                        .cols(at, at + d)
                                        .transposed())
                        .put(
                                to + "attn." + part + ".bias",
                                Source.of(from + "attn.c_attn.bias", 3L * d).rows(at, at + d));
            }
            conv1d(plan, to + "attn.o", from + "attn.c_proj", d, d);
            conv1d(plan, to + "mlp.in", from + "mlp.c_fc", d, dMlp);
            conv1d(plan, to + "mlp.out", from + "mlp.c_proj", dMlp, d);
            plan.layerNorm(to + "ln1", from + "ln_1", d).layerNorm(to + "ln2", from + "ln_2", d);
        }
        plan.layerNorm("ln_final", root + "ln_f", d);
        if (!s.tied()) plan.put("unembed.weight", Source.of("lm_head.weight", s.vocab(), d));
        return plan;
    }

    private static void conv1d(WeightPlan plan, String to, String from, int in, int out) {
        plan.put(to + ".weight", Source.of(from + ".weight", in, out).transposed())
                .put(to + ".bias", Source.of(from + ".bias", out));
    }
}
