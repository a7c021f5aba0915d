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
 * GPT-J and CodeGen: attention (without biases) and a plain MLP in parallel through one LayerNorm, RoPE on interleaved
 * pairs in the first rotary_dim of each head, a bias on the unembedding. CodeGen fuses q, v, k of each quarter of the
 * heads in one matrix.
 */
final class GptJ implements Family {

    /** CodeGen's heads are stored in the order of four devices. */
    private static final int QUARTERS = 4;

    @Override
    public Set<String> modelTypes() {
        return Set.of("gptj", "codegen");
    }

    @Override
    public DecoderSpec spec(Config c) {
        c.ignore("attn_pdrop", "embd_pdrop", "resid_pdrop", "n_ctx");
        int dModel = c.size("n_embd");
        int nHeads = c.size("n_head");
        if (dModel % nHeads != 0) throw c.wrong("n_head", "a divisor of n_embd " + dModel, nHeads);
        boolean quarters = c.text("model_type").equals("codegen");
        if (quarters && nHeads % QUARTERS != 0) throw c.wrong("n_head", "a multiple of " + QUARTERS, nHeads);
        int dHead = dModel / nHeads;
        int rotaryDims = c.size("rotary_dim", 64);
        if (rotaryDims > dHead || rotaryDims % 2 != 0)
            throw c.wrong("rotary_dim", "even, and at most " + dHead, rotaryDims);
        Rope rope = new Rope(rotaryDims, 10_000, new Rope.Default());
        Norm norm = new Norm(Norm.Kind.LAYER, c.epsilon("layer_norm_epsilon", 1e-5));
        Integer inner = c.sizeOrNull("n_inner");
        Mlp mlp = new Mlp(
                inner == null ? c.product("n_embd", 4, dModel) : inner,
                c.activation("activation_function", "gelu_new"),
                false,
                true);
        Attention attention = Attention.plain(nHeads, nHeads, dHead, rope, null, false, false);
        LayerSpec layer = new LayerSpec(norm, attention, null, norm, mlp, null, true);
        return new DecoderSpec(
                c.text("model_type"),
                c.size("vocab_size"),
                dModel,
                c.size("n_positions", 2048),
                false,
                1f,
                Collections.nCopies(c.layers("n_layer"), layer),
                norm,
                c.flag("tie_word_embeddings", false),
                true,
                null,
                null);
    }

    @Override
    public WeightPlan weights(DecoderSpec s, Checkpoint checkpoint) {
        String root = checkpoint.has("transformer.wte.weight") ? "transformer." : "";
        int d = s.dModel();
        WeightPlan plan = new WeightPlan().put("embed.weight", Source.of(root + "wte.weight", s.vocab(), d));
        for (int i = 0; i < s.nLayers(); i++) {
            String to = "blocks." + i + ".";
            String from = root + "h." + i + ".";
            int dMlp = s.layers().get(i).mlp().dMlp();
            boolean fused = s.family().equals("codegen");
            for (String part : List.of("q", "v", "k")) {
                plan.put(
                        to + "attn." + part + ".weight",
                        fused
                                ? Source.of(from + "attn.qkv_proj.weight", 3L * d, d)
                                        .everyBlock(d / QUARTERS, "qvk".indexOf(part), 3)
                                : Source.of(from + "attn." + part + "_proj.weight", d, d));
            }
            plan.linear(to + "attn.o", from + "attn.out_proj", d, d, false)
                    .linear(to + "mlp.in", from + "mlp.fc_in", dMlp, d, true)
                    .linear(to + "mlp.out", from + "mlp.fc_out", d, dMlp, true)
                    .layerNorm(to + "ln1", from + "ln_1", d)
                    .layerNorm(to + "ln2", from + "ln_1", d);
        }
        plan.layerNorm("ln_final", root + "ln_f", d).put("unembed.bias", Source.of("lm_head.bias", s.vocab()));
        if (!s.tied()) plan.put("unembed.weight", Source.of("lm_head.weight", s.vocab(), d));
        return plan.turnsNeighbours(s);
    }
}
