package org.llminspector.family;

import java.util.Collections;
import java.util.Set;
import org.llminspector.checkpoint.Checkpoint;
import org.llminspector.spec.AlibiBias;
import org.llminspector.spec.Attention;
import org.llminspector.spec.AttentionBuilder;
import org.llminspector.spec.DecoderSpec;
import org.llminspector.spec.DecoderSpecBuilder;
import org.llminspector.spec.LayerSpec;
import org.llminspector.spec.Mlp;
import org.llminspector.spec.Norm;

/** BLOOM: ALiBi, LayerNorm of the embeddings and before attention and MLP, biases, and Falcon's tensor names. */
final class Bloom implements Family {

    @Override
    public Set<String> modelTypes() {
        return Set.of("bloom");
    }

    @Override
    public DecoderSpec spec(Config c) {
        c.ignore("attention_dropout", "hidden_dropout", "slow_but_exact", "unk_token_id");
        c.ignore("attention_softmax_in_fp32", "bias_dropout_fusion", "masked_softmax_fusion"); // training settings
        c.ignore("offset_alibi", "skip_bias_add", "skip_bias_add_qkv");
        int dModel = c.size(c.has("n_embed") ? "n_embed" : "hidden_size");
        c.ignore("hidden_size");
        int nHeads = c.size(c.has("num_attention_heads") ? "num_attention_heads" : "n_head");
        if (dModel % nHeads != 0) throw c.wrong("n_head", "a divisor of hidden_size " + dModel, nHeads);
        if (c.flag("apply_residual_connection_post_layernorm", false))
            throw c.wrong("apply_residual_connection_post_layernorm", "false: the stream itself is never normed", true);
        Norm norm = new Norm(Norm.Kind.LAYER, c.epsilon("layer_norm_epsilon", 1e-5));
        Attention plain = Attention.plain(nHeads, nHeads, dModel / nHeads, null, null, true, true);
        Attention attention =
                AttentionBuilder.builder(plain).alibi(AlibiBias.of(nHeads, 8)).build();
        Mlp mlp = new Mlp(
                c.product(c.has("n_embed") ? "n_embed" : "hidden_size", 4, dModel),
                c.activation("hidden_act", "gelu_new"),
                false,
                true);
        DecoderSpec bloom = new DecoderSpec(
                "bloom",
                c.size("vocab_size"),
                dModel,
                c.size("seq_length", 2048), // the training length; the reference has no limit
                false,
                1f,
                Collections.nCopies(
                        c.layers(c.has("num_hidden_layers") ? "num_hidden_layers" : "n_layer"),
                        new LayerSpec(norm, attention, null, norm, mlp, null, false)),
                norm,
                c.flag("tie_word_embeddings", true),
                false,
                null,
                null);
        return DecoderSpecBuilder.builder(bloom).embedNorm(norm).build();
    }

    @Override
    public WeightPlan weights(DecoderSpec s, Checkpoint checkpoint) {
        return new Falcon().weights(s, checkpoint);
    }
}
