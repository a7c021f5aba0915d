package org.llminspector.checkpoint;

import static org.llminspector.checkpoint.GgufArchitecture.Layout.NORM_PLUS_ONE;
import static org.llminspector.checkpoint.GgufArchitecture.Layout.PERMUTED;
import static org.llminspector.checkpoint.GgufArchitecture.Layout.TILED_VALUES;

import com.fasterxml.jackson.databind.node.ArrayNode;
import java.util.List;
import java.util.Map;
import org.llminspector.checkpoint.GgufArchitecture.Names;
import org.llminspector.checkpoint.gguf.GgufMetadata;
import org.llminspector.checkpoint.gguf.GgufTensor;

/** Names and config.json of GGUF architectures with recurrences, and of LFM2 with experts. */
final class GgufRecurrent {

    private GgufRecurrent() {}

    /** Adds the architectures' names. */
    static void put(Map<String, GgufArchitecture> all) {
        all.put("lfm2", lfm2Names().with(GgufDense::lfm2));
        Names alone = recurrent(
                new Names(Map.of("token_embd", "backbone.embeddings", "output_norm", "backbone.norm_f"))
                        .in("backbone.layers.")
                        .and("output", "lm_head", "attn_norm", "norm"),
                "mixer.");
        all.put("mamba", selective(alone, "mixer.").with(GgufRecurrent::mamba));
        all.put("mamba2", alone.with(GgufRecurrent::mamba2));
        Names llama = recurrent(new Names(GgufArchitecture.LLAMA), "mamba.");
        Names forward = llama.and("output_norm", "model.final_layernorm", "ffn_norm", "pre_ff_layernorm")
                .and("ffn_gate", "feed_forward.gate_proj", "ffn_up", "feed_forward.up_proj")
                .and("ffn_down", "feed_forward.down_proj");
        all.put(
                "falcon-h1", // its second norm has no suffix
                forward.and("ffn_norm", "pre_ff_layernorm.weight", "ffn_norm.weight", "pre_ff_layernorm.weight")
                        .biased("attn_q", "attn_k", "attn_v", "attn_output", "ffn_gate", "ffn_up", "ffn_down")
                        .with(GgufRecurrent::falconH1));
        all.put(
                "jamba",
                selective(forward, "mamba.")
                        .and("ffn_gate_inp", "feed_forward.router")
                        .and("ffn_gate_exps", "feed_forward.experts.{i}.gate_proj")
                        .and("ffn_up_exps", "feed_forward.experts.{i}.up_proj")
                        .and("ffn_down_exps", "feed_forward.experts.{i}.down_proj")
                        .with(GgufRecurrent::jamba));
        all.put(
                "bamba in granitehybrid",
                forward.biased("attn_q", "attn_k", "attn_v", "attn_output", "ffn_gate", "ffn_up", "ffn_down")
                        .with(GgufRecurrent::bamba, PERMUTED));
        all.put(
                "granitehybrid",
                llama.and("ffn_gate_inp", "mlp.gate", "ffn_gate_exps", "mlp.experts.{i}.gate_proj")
                        .and("ffn_up_exps", "mlp.experts.{i}.up_proj", "ffn_down_exps", "mlp.experts.{i}.down_proj")
                        .and("ffn_gate_shexp", "mlp.shared_expert.gate_proj")
                        .and("ffn_up_shexp", "mlp.shared_expert.up_proj")
                        .and("ffn_down_shexp", "mlp.shared_expert.down_proj")
                        .biased("attn_q", "attn_k", "attn_v", "attn_output")
                        .with(GgufRecurrent::granite, PERMUTED));
        Names delta = recurrent(new Names(GgufArchitecture.LLAMA), "linear_attn.")
                .without("ffn_norm", "ssm_in", "ssm_d")
                .and("post_attention_norm", "post_attention_layernorm")
                .and("attn_q_norm", "self_attn.q_norm", "attn_k_norm", "self_attn.k_norm")
                .and("attn_qkv", "linear_attn.in_proj_qkv", "attn_gate", "linear_attn.in_proj_z");
        Names rates = delta.and("ssm_alpha", "linear_attn.in_proj_a", "ssm_beta", "linear_attn.in_proj_b");
        all.put(
                "qwen3next",
                mixture(delta).and("ssm_ba", "linear_attn.in_proj_ba").with(GgufRecurrent::qwen3, NORM_PLUS_ONE));
        all.put("qwen35", rates.with(GgufRecurrent::qwen35, NORM_PLUS_ONE, TILED_VALUES));
        all.put("qwen35moe", mixture(rates).with(GgufRecurrent::qwen35Moe, NORM_PLUS_ONE, TILED_VALUES));
        Names nemotron = alone.and("attn_q", "mixer.q_proj", "attn_k", "mixer.k_proj", "attn_v", "mixer.v_proj")
                .and("attn_output", "mixer.o_proj", "ffn_up", "mixer.up_proj", "ffn_down", "mixer.down_proj")
                .biased("attn_q", "attn_k", "attn_v", "attn_output", "ffn_up", "ffn_down");
        all.put("nemotron_h", nemotron.with(GgufRecurrent::nemotron, PERMUTED));
        all.put(
                "nemotron_h_moe",
                nemotron.and("ffn_gate_inp", "mixer.gate", "exp_probs_b.bias", "mixer.gate.e_score_correction_bias")
                        .and("ffn_up_exps", "mixer.experts.{i}.up_proj", "ffn_down_exps", "mixer.experts.{i}.down_proj")
                        .and("ffn_up_shexp", "mixer.shared_experts.up_proj")
                        .and("ffn_down_shexp", "mixer.shared_experts.down_proj")
                        .with(GgufRecurrent::nemotronMoe, PERMUTED));
        all.put("kimi-linear", kimiNames().with(GgufRecurrent::kimi));
        all.put(
                "lfm2moe",
                lfm2Names()
                        .and("ffn_gate_inp", "feed_forward.gate", "ffn_gate_exps", "feed_forward.experts.{i}.w1")
                        .and("ffn_up_exps", "feed_forward.experts.{i}.w3")
                        .and("ffn_down_exps", "feed_forward.experts.{i}.w2")
                        .and("exp_probs_b.bias", "feed_forward.expert_bias")
                        .with(GgufRecurrent::lfm2));
    }

    /** Names of Mamba 2's tensors, of which Mamba has some; the prefix ends with a dot. */
    private static Names recurrent(Names names, String mixer) {
        return names.and("ssm_in", mixer + "in_proj", "ssm_conv1d", mixer + "conv1d", "ssm_a", mixer + "A_log")
                .and("ssm_d", mixer + "D", "ssm_dt.bias", mixer + "dt_bias", "ssm_norm", mixer + "norm")
                .and("ssm_out", mixer + "out_proj")
                .biased("ssm_in", "ssm_conv1d", "ssm_out");
    }

    /** Mamba's in their place. */
    private static Names selective(Names names, String mixer) {
        return names.without("ssm_dt.bias", "ssm_norm")
                .and("ssm_x", mixer + "x_proj", "ssm_dt", mixer + "dt_proj")
                .and("ssm_dt_norm", mixer + "dt_layernorm", "ssm_b_norm", mixer + "b_layernorm")
                .and("ssm_c_norm", mixer + "c_layernorm")
                .biased("ssm_dt");
    }

    /** Qwen's experts in the place of its MLP. */
    private static Names mixture(Names dense) {
        return dense.without("ffn_gate", "ffn_up", "ffn_down")
                .and("ffn_gate_inp", "mlp.gate", "ffn_gate_exps", "mlp.experts.{i}.gate_proj")
                .and("ffn_up_exps", "mlp.experts.{i}.up_proj", "ffn_down_exps", "mlp.experts.{i}.down_proj")
                .and("ffn_gate_inp_shexp", "mlp.shared_expert_gate", "ffn_gate_shexp", "mlp.shared_expert.gate_proj")
                .and("ffn_up_shexp", "mlp.shared_expert.up_proj", "ffn_down_shexp", "mlp.shared_expert.down_proj");
    }

    private static Names kimiNames() {
        return new Names(GgufArchitecture.LLAMA)
                .and("ssm_conv1d_q", "self_attn.q_conv1d", "ssm_conv1d_k", "self_attn.k_conv1d")
                .and("ssm_conv1d_v", "self_attn.v_conv1d", "ssm_a", "self_attn.A_log", "ssm_beta", "self_attn.b_proj")
                .and(
                        "ssm_dt.bias",
                        "self_attn.dt_bias",
                        "ssm_f_a",
                        "self_attn.f_a_proj",
                        "ssm_f_b",
                        "self_attn.f_b_proj")
                .and("ssm_g_a", "self_attn.g_a_proj", "ssm_g_b", "self_attn.g_b_proj", "ssm_norm", "self_attn.o_norm")
                .and("attn_q_a", "self_attn.q_a_proj", "attn_q_a_norm", "self_attn.q_a_layernorm")
                .and("attn_q_b", "self_attn.q_b_proj", "attn_kv_a_mqa", "self_attn.kv_a_proj_with_mqa")
                .and("attn_kv_a_norm", "self_attn.kv_a_layernorm", "attn_kv_b", "self_attn.kv_b_proj")
                .and("attn_k_b", "self_attn.k_b_proj", "attn_v_b", "self_attn.v_b_proj")
                .and("ffn_gate_inp", "block_sparse_moe.gate", "ffn_gate_exps", "block_sparse_moe.experts.{i}.w1")
                .and(
                        "ffn_up_exps",
                        "block_sparse_moe.experts.{i}.w3",
                        "ffn_down_exps",
                        "block_sparse_moe.experts.{i}.w2")
                .and("exp_probs_b.bias", "block_sparse_moe.gate.e_score_correction_bias")
                .and("ffn_gate_shexp", "block_sparse_moe.shared_experts.gate_proj")
                .and("ffn_up_shexp", "block_sparse_moe.shared_experts.up_proj")
                .and("ffn_down_shexp", "block_sparse_moe.shared_experts.down_proj");
    }

    private static Names lfm2Names() {
        return new Names(GgufArchitecture.LLAMA)
                .without("output_norm")
                .and("token_embd_norm", "model.embedding_norm", "attn_norm", "operator_norm")
                .and("ffn_norm", "ffn_norm", "attn_output", "self_attn.out_proj")
                .and("attn_q_norm", "self_attn.q_layernorm", "attn_k_norm", "self_attn.k_layernorm")
                .and("ffn_gate", "feed_forward.w1", "ffn_up", "feed_forward.w3", "ffn_down", "feed_forward.w2")
                .and("shortconv.conv", "conv.conv", "shortconv.in_proj", "conv.in_proj")
                .and("shortconv.out_proj", "conv.out_proj");
    }

    /** Mamba, or Falcon Mamba, whose norms have an epsilon that is not in the file. */
    static void mamba(GgufFields f) {
        f.type(f.keys.flag("ssm.dt_b_c_rms", false) ? "falcon_mamba" : "mamba");
        alone(f);
        f.json.put("time_step_rank", f.keys.size("ssm.time_step_rank"))
                .put("intermediate_size", f.keys.size("ssm.inner_size"));
    }

    static void mamba2(GgufFields f) {
        f.type("mamba2");
        alone(f);
        int heads = heads(f);
        f.json.put("num_heads", heads)
                .put("head_dim", f.keys.size("ssm.inner_size") / heads)
                .put("n_groups", f.keys.size("ssm.group_count"))
                .put("expand", expand(f));
    }

    private static void alone(GgufFields f) {
        f.keys.size("context_length", 0); // a recurrence reads any length
        f.json.put("hidden_size", f.width)
                .put("num_hidden_layers", f.layers)
                .put("layer_norm_epsilon", f.keys.number("attention.layer_norm_rms_epsilon", 1e-5))
                .put("state_size", f.keys.size("ssm.state_size"))
                .put("conv_kernel", f.keys.size("ssm.conv_kernel"))
                .put("use_conv_bias", f.has("blk.0.ssm_conv1d.bias"));
    }

    /** Heads of Mamba 2, which stand in this key. */
    private static int heads(GgufFields f) {
        int heads = f.keys.size("ssm.time_step_rank");
        if (heads < 1 || f.keys.size("ssm.inner_size") % heads != 0)
            throw f.keys.wrong("ssm.time_step_rank", "heads that divide ssm.inner_size");
        return heads;
    }

    private static int expand(GgufFields f) {
        int inner = f.keys.size("ssm.inner_size");
        if (f.width < 1 || inner % f.width != 0) throw f.keys.wrong("ssm.inner_size", "a multiple of embedding_length");
        return inner / f.width;
    }

    /** Layers with attention and with experts repeat, in Hugging Face's config by a period and its first layer. */
    static void jamba(GgufFields f) {
        f.type("jamba").sizes().rms();
        long[] each = f.keys.each("attention.head_count_kv", f.layers);
        boolean[] attends = new boolean[f.layers];
        boolean[] sparse = new boolean[f.layers];
        for (int i = 0; i < f.layers; i++) {
            attends[i] = each[i] > 0;
            sparse[i] = f.has("blk." + i + ".ffn_gate_inp.weight");
        }
        period(f, attends, "attn_layer", "attention.head_count_kv");
        int experts = f.keys.size("expert_count", 1);
        int active = f.keys.size("expert_used_count", 1);
        if (experts > 1) period(f, sparse, "expert_layer", "expert_count");
        f.json.put("num_experts", Math.max(1, experts))
                .put("num_experts_per_tok", Math.max(1, active))
                .put("num_key_value_heads", f.kvHeads)
                .put("mamba_d_state", f.keys.size("ssm.state_size"))
                .put("mamba_dt_rank", f.keys.size("ssm.time_step_rank"))
                .put("mamba_d_conv", f.keys.size("ssm.conv_kernel"))
                .put("mamba_expand", expand(f));
    }

    private static void period(GgufFields f, boolean[] layers, String field, String key) {
        int first = 0;
        while (first < layers.length && !layers[first]) first++;
        int next = first + 1;
        while (next < layers.length && !layers[next]) next++;
        int period = next < layers.length ? next - first : layers.length;
        for (int i = 0; i < layers.length; i++)
            if (layers[i] != (first < layers.length && i % period == first))
                throw f.keys.wrong(key, "layers at equal distances, the first before the end of the first period");
        f.json.put(field + "_period", period).put(field + "_offset", first);
    }

    static void granite(GgufFields f) {
        f.llama("granitemoehybrid").biases().scales().json.remove("mlp_bias");
        mixer(f);
        boolean rope = f.keys.flag("rope.scaling.finetuned", true);
        int neurons = f.keys.size("feed_forward_length");
        f.json.put("position_embedding_type", rope ? "rope" : "nope")
                .put("num_local_experts", f.keys.size("expert_count", 0))
                .put("num_experts_per_tok", f.keys.size("expert_used_count", 0))
                .put("shared_intermediate_size", f.keys.size("expert_shared_feed_forward_length", neurons));
        ArrayNode types = f.json.putArray("layer_types");
        for (long heads : f.keys.each("attention.head_count_kv", f.layers))
            types.add(heads == 0 ? "mamba" : "attention");
    }

    /** llama.cpp has Bamba under Granite's name: with RoPE, of which no layers of Granite's hybrids have any, and without its factors. */
    static boolean isBamba(GgufMetadata m) {
        return m.flag("granitehybrid.rope.scaling.finetuned", true) && !m.has("granitehybrid.attention.scale");
    }

    static void bamba(GgufFields f) {
        f.llama("bamba").biases();
        mixer(f);
        f.keys.flag("rope.scaling.finetuned", true);
        ArrayNode attending = f.json.putArray("attn_layer_indices");
        long[] heads = f.keys.each("attention.head_count_kv", f.layers);
        for (int i = 0; i < f.layers; i++) if (heads[i] > 0) attending.add(i);
    }

    /** Its factors are in the file's weights. */
    static void falconH1(GgufFields f) {
        f.llama("falcon_h1").biases();
        mixer(f);
        f.json.put("mamba_rms_norm", f.has("blk.0.ssm_norm.weight")).put("mamba_norm_before_gate", false);
    }

    /** Mamba 2 in the fields of the hybrids. */
    private static void mixer(GgufFields f) {
        int heads = heads(f);
        int inner = f.keys.size("ssm.inner_size");
        f.json.put("mamba_n_heads", heads)
                .put("mamba_d_ssm", inner)
                .put("mamba_d_head", inner / heads)
                .put("mamba_d_state", f.keys.size("ssm.state_size"))
                .put("mamba_n_groups", f.keys.size("ssm.group_count"))
                .put("mamba_d_conv", f.keys.size("ssm.conv_kernel"))
                .put(
                        "mamba_conv_bias",
                        f.file.tensors().keySet().stream().anyMatch(n -> n.endsWith("ssm_conv1d.bias")));
    }

    /** Qwen3-Next; what its delta nets read together in Hugging Face's file, q, k, v and gate, is apart. */
    static void qwen3(GgufFields f) {
        delta(f, "qwen3_next");
        experts(f);
        f.json.put("norm_topk_prob", f.keys.flag("expert_weights_norm", true));
    }

    static void qwen35(GgufFields f) {
        delta(f, "qwen3_5_text");
    }

    static void qwen35Moe(GgufFields f) {
        delta(f, "qwen3_5_moe_text");
        experts(f);
    }

    private static void experts(GgufFields f) {
        f.experts("num_experts")
                .json
                .put("moe_intermediate_size", f.keys.size("expert_feed_forward_length"))
                .put("shared_expert_intermediate_size", f.keys.size("expert_shared_feed_forward_length"));
    }

    /** Which layers are delta nets the tensors say; in text the sections of RoPE have one position. */
    private static void delta(GgufFields f, String modelType) {
        f.llama(modelType);
        for (String key : List.of("full_attention_interval", "attention.recurrent_layers", "rope.dimension_sections"))
            f.keys.has(key);
        int heads = heads(f);
        int keyHeads = f.keys.size("ssm.group_count");
        if (keyHeads < 1 || heads % keyHeads != 0) throw f.keys.wrong("ssm.group_count", "a divisor of " + heads);
        f.json.put("linear_num_value_heads", heads)
                .put("linear_value_head_dim", f.keys.size("ssm.inner_size") / heads)
                .put("linear_num_key_heads", keyHeads)
                .put("linear_key_head_dim", f.keys.size("ssm.state_size"))
                .put("linear_conv_kernel_dim", f.keys.size("ssm.conv_kernel"));
        ArrayNode types = f.json.putArray("layer_types");
        for (int i = 0; i < f.layers; i++)
            types.add(f.has("blk." + i + ".ssm_a") ? "linear_attention" : "full_attention");
    }

    /** A layer is what its tensors are. */
    static void nemotron(GgufFields f) {
        int heads = heads(f);
        f.keys.size("rope.dimension_count", 0); // its attention has no RoPE
        f.keys.each("feed_forward_length", f.layers);
        f.keys.each("attention.head_count_kv", f.layers);
        double epsilon = f.keys.number("attention.layer_norm_epsilon", 1e-5);
        f.type("nemotron_h")
                .json
                .put("hidden_size", f.width)
                .put("num_attention_heads", f.heads)
                .put("num_key_value_heads", f.kvHeads)
                .put("head_dim", f.headDim())
                .put("max_position_embeddings", f.keys.size("context_length"))
                .put("layer_norm_epsilon", f.keys.number("attention.layer_norm_rms_epsilon", epsilon))
                .put("mamba_num_heads", heads)
                .put("mamba_head_dim", f.keys.size("ssm.inner_size") / heads)
                .put("ssm_state_size", f.keys.size("ssm.state_size"))
                .put("n_groups", f.keys.size("ssm.group_count"))
                .put("conv_kernel", f.keys.size("ssm.conv_kernel"))
                .put("use_conv_bias", f.anyHas("ssm_conv1d.bias"))
                .put("mamba_proj_bias", f.anyHas("ssm_in.bias"))
                .put("attention_bias", f.anyHas("attn_q.bias"))
                .put("mlp_bias", f.anyHas("ffn_up.bias"))
                .put("intermediate_size", 1);
        ArrayNode types = f.json.putArray("layers_block_type");
        for (int i = 0; i < f.layers; i++) {
            String block = "blk." + i + ".";
            GgufTensor up = f.file.tensors().get(block + "ffn_up.weight");
            if (up != null && up.shape().size() == 2)
                f.json.put("intermediate_size", up.shape().get(0));
            types.add(
                    f.has(block + "ssm_in.weight")
                            ? "mamba"
                            : f.has(block + "attn_q.weight")
                                    ? "attention"
                                    : f.has(block + "ffn_gate_inp.weight") ? "moe" : "mlp");
        }
    }

    static void nemotronMoe(GgufFields f) {
        nemotron(f);
        f.experts("n_routed_experts");
        GgufMixtures.sigmoid(f);
        GgufMixtures.routed(f, false);
        f.json.remove("first_k_dense_replace");
        f.json.put("moe_shared_expert_intermediate_size", f.keys.size("expert_shared_feed_forward_length"));
    }

    /** Layers with 0 key heads are delta nets. */
    static void kimi(GgufFields f) {
        f.type("kimi_linear").sizes().rms().experts("num_experts");
        GgufMixtures.latent(f);
        GgufMixtures.sigmoid(f);
        GgufMixtures.routed(f, true);
        f.json.without(List.of("rope_theta", "partial_rotary_factor")); // its attention has no RoPE
        f.json.set("model_max_length", f.json.remove("max_position_embeddings"));
        f.json.set("moe_renormalize", f.json.remove("norm_topk_prob"));
        f.json.set("num_expert_group", f.json.remove("n_group"));
        f.json.set("num_experts_per_token", f.json.remove("num_experts_per_tok"));
        f.json.set("num_shared_experts", f.json.remove("n_shared_experts"));
        f.json.put("linear_num_heads", f.heads)
                .put("linear_head_dim", f.keys.size("kda.head_dim"))
                .put("linear_conv_kernel_dim", f.keys.size("ssm.conv_kernel"));
        ArrayNode types = f.json.putArray("layer_types");
        for (long heads : f.keys.each("attention.head_count_kv", f.layers))
            types.add(heads == 0 ? "linear_attention" : "full_attention");
    }

    static void lfm2(GgufFields f) {
        GgufDense.lfm2(f);
        f.type("lfm2_moe").experts("num_experts").json.remove("block_auto_adjust_ff_dim");
        if (f.keys.size("expert_gating_func", GgufMixtures.SIGMOID) != GgufMixtures.SIGMOID)
            throw f.keys.wrong("expert_gating_func", "2 (sigmoid)");
        boolean bias = f.file.tensors().keySet().stream().anyMatch(n -> n.endsWith(".exp_probs_b.bias"));
        f.json.put("moe_intermediate_size", f.keys.size("expert_feed_forward_length"))
                .put("num_dense_layers", f.keys.size("leading_dense_block_count", 0))
                .put("use_expert_bias", bias);
    }
}
