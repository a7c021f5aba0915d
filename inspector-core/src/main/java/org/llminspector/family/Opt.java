package org.llminspector.family;

import java.util.List;
import java.util.Set;
import java.util.stream.IntStream;
import org.llminspector.checkpoint.Checkpoint;
import org.llminspector.family.WeightPlan.Source;
import org.llminspector.spec.Attention;
import org.llminspector.spec.DecoderSpec;
import org.llminspector.spec.DecoderSpecBuilder;
import org.llminspector.spec.LayerSpec;
import org.llminspector.spec.LayerSpecBuilder;
import org.llminspector.spec.Mlp;
import org.llminspector.spec.Norm;

/**
 * OPT: learned positions that begin at row 2 of their table, LayerNorm before attention and MLP, ReLU, biases. In the
 * 350M model embeddings are narrower than the stream, and norms follow each residual addition.
 */
final class Opt implements Family {

    @Override
    public Set<String> modelTypes() {
        return Set.of("opt");
    }

    @Override
    public DecoderSpec spec(Config c) {
        c.ignore("dropout", "attention_dropout", "activation_dropout", "layerdrop", "init_std", "prefix");
        int dModel = c.size("hidden_size");
        int nHeads = c.size("num_attention_heads");
        if (dModel % nHeads != 0) throw c.wrong("num_attention_heads", "a divisor of hidden_size " + dModel, nHeads);
        int narrow = c.size("word_embed_proj_dim", dModel);
        boolean before = c.flag("do_layer_norm_before", true);
        if (!c.flag("layer_norm_elementwise_affine", true))
            throw c.wrong("layer_norm_elementwise_affine", "true", false);
        boolean bias = c.flag("enable_bias", true);
        Norm norm = new Norm(Norm.Kind.LAYER, 1e-5);
        Attention attention = Attention.plain(nHeads, nHeads, dModel / nHeads, null, null, bias, bias);
        Mlp mlp = new Mlp(c.size("ffn_dim"), c.activation("activation_function", "relu"), false, bias);
        DecoderSpec opt = new DecoderSpec(
                "opt",
                c.size("vocab_size"),
                dModel,
                c.size("max_position_embeddings", 2048),
                true,
                1f,
                IntStream.range(0, c.layers("num_hidden_layers"))
                        .mapToObj(i -> LayerSpecBuilder.builder(new LayerSpec(
                                        before || i > 0 ? norm : null, attention, null, norm, mlp, null, false))
                                .streamNorms(!before)
                                .build())
                        .toList(),
                norm,
                c.flag("tie_word_embeddings", true),
                false,
                null,
                null);
        return DecoderSpecBuilder.builder(opt)
                .dEmbed(narrow == dModel ? null : narrow)
                .build();
    }

    @Override
    public WeightPlan weights(DecoderSpec s, Checkpoint checkpoint) {
        String root = checkpoint.has("model.decoder.embed_tokens.weight") ? "model.decoder." : "decoder.";
        int d = s.dModel();
        int skipped = 2;
        WeightPlan plan = new WeightPlan()
                .put("embed.weight", Source.of(root + "embed_tokens.weight", s.vocab(), s.tableWidth()))
                .put(
                        "pos_embed.weight",
                        Source.of(root + "embed_positions.weight", s.maxContext() + skipped, d)
                                .rows(skipped, s.maxContext() + skipped));
        if (s.dEmbed() != null)
            plan.linear("project_in", root + "project_in", d, s.dEmbed(), false)
                    .linear("project_out", root + "project_out", s.dEmbed(), d, false);
        boolean before = !s.layers().get(0).streamNorms();
        String last = "";
        for (int i = 0; i < s.nLayers(); i++) {
            String to = "blocks." + i + ".";
            String from = root + "layers." + i + ".";
            Attention a = s.layers().get(i).attention();
            Mlp mlp = s.layers().get(i).mlp();
            for (String part : List.of("q", "k", "v")) {
                plan.linear(to + "attn." + part, from + "self_attn." + part + "_proj", d, d, a.qkvBias());
            }
            plan.linear(to + "attn.o", from + "self_attn.out_proj", d, d, a.outBias())
                    .linear(to + "mlp.in", from + "fc1", mlp.dMlp(), d, mlp.bias())
                    .linear(to + "mlp.out", from + "fc2", d, mlp.dMlp(), mlp.bias())
                    .layerNorm(to + "ln2", from + (before ? "final_layer_norm" : "self_attn_layer_norm"), d);
            if (before) plan.layerNorm(to + "ln1", from + "self_attn_layer_norm", d);
            else if (i > 0) plan.layerNorm(to + "ln1", last, d);
            last = from + "final_layer_norm";
        }
        plan.layerNorm("ln_final", before ? root + "final_layer_norm" : last, d);
        return s.tied() ? plan : plan.put("unembed.weight", Source.of("lm_head.weight", s.vocab(), s.tableWidth()));
    }
}
