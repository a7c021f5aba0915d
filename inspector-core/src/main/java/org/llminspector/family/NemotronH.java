package org.llminspector.family;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import org.llminspector.checkpoint.Checkpoint;
import org.llminspector.spec.Activation;
import org.llminspector.spec.Attention;
import org.llminspector.spec.DecoderSpec;
import org.llminspector.spec.LayerSpec;
import org.llminspector.spec.Mamba2;
import org.llminspector.spec.Mlp;
import org.llminspector.spec.Norm;

/**
 * Nemotron-H and Nemotron 3: a layer is one thing, a norm and then Mamba 2, attention without positions, an MLP of
 * squared ReLUs, or a mixture of them with DeepSeek V3's choice.
 */
final class NemotronH implements Family {

    @Override
    public Set<String> modelTypes() {
        return Set.of("nemotron_h");
    }

    @Override
    public DecoderSpec spec(Config c) {
        c.ignore(
                "chunk_size",
                "expand",
                "hidden_dropout",
                "attention_dropout",
                "mamba_ssm_cache_dtype",
                "use_mamba_kernels");
        c.ignore(
                "moe_shared_expert_overlap", "mtp_layers_block_type", "num_nextn_predict_layers", "num_logits_to_keep");
        c.ignore("output_router_logits", "rescale_prenorm_residual", "residual_in_fp32", "sliding_window");
        c.ignore("time_step_floor", "time_step_max", "time_step_min", "use_bias", "num_hidden_layers");
        if (c.node("moe_latent_size") != null)
            throw c.wrong("moe_latent_size", "null: experts that read the stream itself", c.node("moe_latent_size"));
        if (c.activation("mamba_hidden_act", "silu") != Activation.SILU)
            throw c.wrong("mamba_hidden_act", "silu", c.node("mamba_hidden_act"));
        int d = c.size("hidden_size");
        Norm norm = new Norm(Norm.Kind.RMS, c.epsilon("layer_norm_epsilon", 1e-5));
        boolean bias = c.flag("mlp_bias", false);
        Activation act = c.activation("mlp_hidden_act", "relu2");
        Mlp dense = new Mlp(c.size("intermediate_size"), act, false, bias);
        int groups = c.size("n_groups", 8);
        Mamba2 mamba = StateSpaces.mamba2(
                c,
                c.size("mamba_num_heads", 128),
                c.size("mamba_head_dim", 64),
                c.size("ssm_state_size", 128),
                groups,
                c.size("conv_kernel", 4),
                norm,
                groups,
                false,
                c.flag("mamba_proj_bias", false),
                c.flag("use_conv_bias", true));
        Attention attention = NemotronTensors.attention(c, d);
        Mlp mixture =
                new Mlp(c.size("moe_intermediate_size", 7688), act, false, bias, null, NemotronTensors.experts(c));
        List<LayerSpec> layers = new ArrayList<>();
        JsonNode types = c.node("layers_block_type");
        if (types == null || !types.isArray()) throw c.wrong("layers_block_type", "a list of layers' kinds", types);
        for (JsonNode type : types)
            layers.add(
                    switch (type.asText()) {
                        case "linear_attention", "mamba" ->
                            new LayerSpec(norm, mamba, null, null, Mlp.NONE, null, false);
                        case "full_attention", "attention" ->
                            new LayerSpec(norm, attention, null, null, Mlp.NONE, null, false);
                        case "mlp" -> new LayerSpec(null, null, null, norm, dense, null, false);
                        case "moe" -> new LayerSpec(null, null, null, norm, mixture, null, false);
                        default -> throw c.wrong("layers_block_type", "mamba, attention, mlp or moe", type);
                    });
        boolean tied = c.flag("tie_word_embeddings", false);
        return new DecoderSpec(
                c.text("model_type"),
                c.size("vocab_size"),
                d,
                c.size("max_position_embeddings", 4096),
                false,
                1f,
                layers,
                norm,
                tied,
                false,
                null,
                null);
    }

    @Override
    public WeightPlan weights(DecoderSpec s, Checkpoint checkpoint) {
        return NemotronTensors.of(s, checkpoint);
    }
}
