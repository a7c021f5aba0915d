package org.llminspector.family;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.HashSet;
import java.util.Set;
import java.util.function.IntPredicate;
import org.llminspector.checkpoint.Checkpoint;
import org.llminspector.spec.DecoderSpec;
import org.llminspector.spec.DeltaNet;
import org.llminspector.spec.Norm;

/**
 * Kimi Linear: delta nets with a decay for each element of the key (Kimi Team 2025, arXiv:2510.26692); the other layers
 * have {@link DeepSeek3}'s latent attention without RoPE, and all but the first its mixture.
 */
final class KimiLinear implements Family {

    @Override
    public Set<String> modelTypes() {
        return Set.of("kimi_linear");
    }

    @Override
    public DecoderSpec spec(Config c) {
        c.spelled("max_position_embeddings", "model_max_length")
                .spelled("norm_topk_prob", "moe_renormalize")
                .spelled("n_group", "num_expert_group")
                .spelled("n_routed_experts", "num_experts")
                .spelled("num_experts_per_tok", "num_experts_per_token")
                .spelled("n_shared_experts", "num_shared_experts")
                .spelled("scoring_func", "moe_router_activation_func");
        c.whenAbsent("model_max_length", 1 << 20).whenAbsent("num_experts", 256).whenAbsent("num_shared_experts", 1);
        c.whenAbsent("rms_norm_eps", 1e-5).whenAbsent("moe_intermediate_size", 1024);
        c.whenAbsent("routed_scaling_factor", 2.446).whenAbsent("first_k_dense_replace", 1);
        c.ignore("rope_theta", "use_grouped_topk");
        if (!c.flag("mla_use_nope", true)) throw c.wrong("mla_use_nope", "true: no RoPE", false);
        LlamaShape shape = new LlamaShape(c).attentionBias().latent().rotatesIn(layer -> false);
        Config own = c.inside("linear_attn_config");
        IntPredicate attends = attends(c, own, shape.nLayers());
        DeltaNet net = net(c, own);
        return DeepSeek3.experts(c, shape)
                .mixers((i, attention) -> attends.test(i) ? attention : net)
                .spec();
    }

    /** In fields of their own, or in Moonshot's {@code linear_attn_config}. */
    private static DeltaNet net(Config c, Config own) {
        int heads = own.size("num_heads", c.size("linear_num_heads", 32));
        int width = own.size("head_dim", c.size("linear_head_dim", 128));
        int kernel = own.size("short_conv_kernel_size", c.size("linear_conv_kernel_dim", 4));
        Norm norm = new Norm(Norm.Kind.RMS, c.epsilon("rms_norm_eps", 1e-5));
        return new DeltaNet(heads, width, width, heads, kernel, width, 1, null, norm, width);
    }

    /** By layer_types, or by Moonshot's lists, which count from 1. */
    private static IntPredicate attends(Config c, Config own, int layers) {
        if (c.node("layer_types") != null || own.node("full_attn_layers") == null) {
            own.ignore("full_attn_layers", "kda_layers");
            if (c.node("layer_types") == null) throw c.wrong("layer_types", "a list of " + layers + " values", null);
            return i -> StateSpaces.attends(c, i, layers);
        }
        Set<Integer> full = numbers(own, "full_attn_layers", layers);
        if (own.node("kda_layers") != null) {
            Set<Integer> others = numbers(own, "kda_layers", layers);
            for (int i = 1; i <= layers; i++)
                if (others.contains(i) == full.contains(i))
                    throw own.wrong(
                            "kda_layers",
                            "each layer from 1 to " + layers + " either here or in full_attn_layers; layer " + i
                                    + " is in " + (full.contains(i) ? "both" : "neither"),
                            own.node("kda_layers"));
        }
        return i -> full.contains(i + 1);
    }

    /** Numbers of layers from 1, each once. */
    private static Set<Integer> numbers(Config own, String field, int layers) {
        Set<Integer> found = new HashSet<>();
        for (JsonNode n : own.node(field))
            if (!n.isInt() || n.asInt() < 1 || n.asInt() > layers || !found.add(n.asInt()))
                throw own.wrong(field, "layers from 1 to " + layers + ", each once", n);
        return found;
    }

    @Override
    public WeightPlan weights(DecoderSpec s, Checkpoint checkpoint) {
        return LlamaShape.weights(s, checkpoint);
    }
}
