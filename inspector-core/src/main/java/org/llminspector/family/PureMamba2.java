package org.llminspector.family;

import java.util.Collections;
import java.util.Set;
import org.llminspector.checkpoint.Checkpoint;
import org.llminspector.spec.Activation;
import org.llminspector.spec.DecoderSpec;
import org.llminspector.spec.LayerSpec;
import org.llminspector.spec.Mamba2;
import org.llminspector.spec.Mlp;
import org.llminspector.spec.Norm;

/** Mamba 2 (Codestral Mamba): every layer is a norm and a {@link Mamba2} mixer, without attention and MLP. */
final class PureMamba2 implements Family {

    @Override
    public Set<String> modelTypes() {
        return Set.of("mamba2");
    }

    @Override
    public DecoderSpec spec(Config c) {
        c.ignore("chunk_size", "rescale_prenorm_residual", "residual_in_fp32");
        c.ignore("time_step_rank", "time_step_min", "time_step_max", "time_step_floor");
        if (c.activation("hidden_act", "silu") != Activation.SILU)
            throw c.wrong("hidden_act", "silu", c.node("hidden_act"));
        int d = c.size("hidden_size", 4096);
        Norm norm = new Norm(Norm.Kind.RMS, c.epsilon("layer_norm_epsilon", 1e-5));
        int heads = c.size("num_heads", 128);
        int dHead = c.size("head_dim", 64);
        int groups = c.size("n_groups", 8);
        int width = c.product("expand", d, c.size("expand", 2));
        if ((long) heads * dHead != width) throw c.wrong("num_heads", width + " / head_dim", heads);
        Mamba2 mixer = StateSpaces.mamba2(
                c,
                heads,
                dHead,
                c.size("state_size", 128),
                groups,
                c.size("conv_kernel", 4),
                norm,
                groups,
                false,
                c.flag("use_bias", false),
                c.flag("use_conv_bias", true));
        LayerSpec layer = new LayerSpec(norm, mixer, null, null, Mlp.NONE, null, false);
        return new DecoderSpec(
                c.text("model_type"),
                c.size("vocab_size", 32_768),
                d,
                StateSpaces.ANY_LENGTH,
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
        return PureMamba.backbone(s, checkpoint);
    }
}
