package org.llminspector.family;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.List;
import java.util.Set;
import java.util.function.IntPredicate;
import java.util.stream.StreamSupport;
import org.llminspector.checkpoint.Checkpoint;
import org.llminspector.family.WeightPlan.Source;
import org.llminspector.spec.Attention;
import org.llminspector.spec.DecoderSpec;
import org.llminspector.spec.ShortConv;

/** LFM2: most layers have a gated short convolution, the others attention with RMSNorm of q and k; own tensor names. */
final class Lfm2 implements Family {

    @Override
    public Set<String> modelTypes() {
        return Set.of("lfm2");
    }

    @Override
    public DecoderSpec spec(Config c) {
        c.spelled("rms_norm_eps", "norm_eps")
                .whenAbsent("norm_eps", 1e-5)
                .whenAbsent("num_key_value_heads", 8)
                .whenAbsent("max_position_embeddings", 128_000)
                .whenAbsent("rope_theta", 1e6)
                .whenAbsent("tie_word_embeddings", true)
                .whenAbsent("block_ffn_dim_multiplier", 1.0);
        if (c.has("tie_embedding")) c.spelled("tie_word_embeddings", "tie_embedding");
        if (c.has("block_ff_dim")) c.spelled("intermediate_size", "block_ff_dim");
        // Training settings that the reference does not read.
        c.ignore("block_dim", "block_mlp_init_scale", "block_norm_eps", "block_out_init_scale", "block_use_swiglu");
        c.ignore("block_use_xavier_init", "conv_dim", "conv_dim_out", "conv_use_xavier_init", "num_heads", "theta");
        c.ignore("use_pos_enc");
        int width = c.size("conv_L_cache", 3);
        if (width < 2) throw c.wrong("conv_L_cache", "at least 2 positions", width);
        LlamaShape shape = new LlamaShape(c).qkNorm(false).neurons(neurons(c));
        return shape.convolves(new ShortConv(width, c.flag("conv_bias", false)), convolving(c, shape.nLayers()))
                .spec();
    }

    private static int neurons(Config c) {
        int size = c.size("intermediate_size");
        int multiple = c.size("block_multiple_of", 256);
        Float factor = c.positiveOrNull("block_ffn_dim_multiplier");
        if (!c.flag("block_auto_adjust_ff_dim", true)) return size;
        int fewer = (int) (2L * size / 3);
        if (factor == null) return fewer;
        return c.product("block_ffn_dim_multiplier", ((int) (factor * fewer) + multiple - 1L) / multiple, multiple);
    }

    /** The convolution layers by layer_types, or else those not in full_attn_idxs. */
    static IntPredicate convolving(Config c, int nLayers) {
        List<JsonNode> types = c.perLayer("layer_types", nLayers);
        JsonNode attending = c.node("full_attn_idxs");
        if (types == null)
            return i -> attending != null
                    && StreamSupport.stream(attending.spliterator(), false).noneMatch(a -> a.asInt() == i);
        for (JsonNode type : types)
            if (!Set.of("conv", "full_attention").contains(type.asText()))
                throw c.wrong("layer_types", "conv or full_attention", type);
        return i -> types.get(i).asText().equals("conv");
    }

    @Override
    public WeightPlan weights(DecoderSpec s, Checkpoint checkpoint) {
        String root = LlamaShape.root(checkpoint);
        int d = s.dModel();
        WeightPlan plan = new WeightPlan().put("embed.weight", Source.of(root + "embed_tokens.weight", s.vocab(), d));
        for (int i = 0; i < s.nLayers(); i++) {
            var layer = s.layers().get(i);
            String from = root + "layers." + i + ".";
            String to = "blocks." + i + ".";
            int m = layer.mlp().dMlp();
            plan.norm(layer.ln1(), to + "ln1", from + "operator_norm", d);
            if (layer.mixer() instanceof ShortConv conv) plan.convolution(conv, d, to + "conv.", from + "conv.");
            else attention(plan, layer.attention(), d, to + "attn.", from + "self_attn.");
            plan.norm(layer.ln2(), to + "ln2", from + "ffn_norm", d);
            if (layer.mlp().experts() != null) ExpertTensors.put(plan, layer.mlp(), d, to + "mlp.", from, checkpoint);
            else
                plan.linear(to + "mlp.gate", from + "feed_forward.w1", m, d, false)
                        .linear(to + "mlp.in", from + "feed_forward.w3", m, d, false)
                        .linear(to + "mlp.out", from + "feed_forward.w2", d, m, false);
        }
        plan.norm(s.finalNorm(), "ln_final", root + "embedding_norm", d);
        return s.tied() ? plan : plan.linear("unembed", "lm_head", s.vocab(), d, false);
    }

    private static void attention(WeightPlan plan, Attention a, int d, String to, String from) {
        plan.norm(a.qNorm(), to + "q_norm", from + "q_layernorm", a.dHead())
                .norm(a.kNorm(), to + "k_norm", from + "k_layernorm", a.dHead())
                .linear(to + "q", from + "q_proj", a.nHeads() * a.dHead(), d, false)
                .linear(to + "k", from + "k_proj", a.nKvHeads() * a.dHead(), d, false)
                .linear(to + "v", from + "v_proj", a.nKvHeads() * a.dHead(), d, false)
                .linear(to + "o", from + "out_proj", d, a.nHeads() * a.dHead(), false);
    }
}
