package org.llminspector.checkpoint;

import static org.llminspector.checkpoint.GgufArchitecture.Layout.PERMUTED;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.Map;
import org.llminspector.checkpoint.GgufArchitecture.Names;

/** Names and config.json of GGUF architectures with experts. */
final class GgufMixtures {

    /** llama.cpp's ids of the routers' score functions. */
    private static final int SOFTMAX = 1;

    static final int SIGMOID = 2;

    private GgufMixtures() {}

    /** Adds the architectures' names. */
    static void put(Map<String, GgufArchitecture> all) {
        Names llama = new Names(GgufArchitecture.LLAMA);
        Names noMlp = llama.without("ffn_gate", "ffn_up", "ffn_down");
        all.put(
                "llama with experts",
                noMlp.and("ffn_gate_inp", "block_sparse_moe.gate")
                        .and("ffn_gate_exps", "block_sparse_moe.experts.{i}.w1")
                        .and("ffn_up_exps", "block_sparse_moe.experts.{i}.w3")
                        .and("ffn_down_exps", "block_sparse_moe.experts.{i}.w2")
                        .with(GgufMixtures::mixtral, PERMUTED));
        Names experts = noMlp.and("ffn_gate_inp", "mlp.gate", "ffn_gate_exps", "mlp.experts.{i}.gate_proj")
                .and("ffn_up_exps", "mlp.experts.{i}.up_proj", "ffn_down_exps", "mlp.experts.{i}.down_proj");
        Names qkNormExperts = experts.and("attn_q_norm", "self_attn.q_norm", "attn_k_norm", "self_attn.k_norm");
        all.put("qwen3moe", qkNormExperts.with(GgufMixtures::qwen3));
        all.put("olmoe", qkNormExperts.with(GgufMixtures::olmo));
        all.put(
                "granitemoe",
                experts.and(
                                "ffn_gate_shexp",
                                "mlp.shared_expert.gate_proj",
                                "ffn_up_shexp",
                                "mlp.shared_expert.up_proj")
                        .and("ffn_down_shexp", "mlp.shared_expert.down_proj")
                        .biased("attn_q", "attn_k", "attn_v", "attn_output")
                        .with(GgufMixtures::granite, PERMUTED));
        all.put(
                "qwen2moe",
                experts.and(
                                "ffn_gate_inp_shexp",
                                "mlp.shared_expert_gate",
                                "ffn_gate_shexp",
                                "mlp.shared_expert.gate_proj")
                        .and(
                                "ffn_up_shexp",
                                "mlp.shared_expert.up_proj",
                                "ffn_down_shexp",
                                "mlp.shared_expert.down_proj")
                        .biased("attn_q", "attn_k", "attn_v")
                        .with(GgufMixtures::qwen2));
        all.put(
                "gpt-oss",
                experts.without("ffn_norm")
                        .and("post_attention_norm", "post_attention_layernorm", "ffn_gate_inp", "mlp.router")
                        .and("attn_sinks.weight", "self_attn.sinks")
                        .biased("attn_q", "attn_k", "attn_v", "attn_output")
                        .biased("ffn_gate_inp", "ffn_gate_exps", "ffn_up_exps", "ffn_down_exps")
                        .with(GgufMixtures::gptOss));
        Names shared = experts.and("ffn_gate", "mlp.gate_proj", "ffn_up", "mlp.up_proj", "ffn_down", "mlp.down_proj")
                .and("ffn_gate_shexp", "mlp.shared_experts.gate_proj", "ffn_up_shexp", "mlp.shared_experts.up_proj")
                .and("ffn_down_shexp", "mlp.shared_experts.down_proj")
                .and("attn_q_norm", "self_attn.q_norm", "attn_k_norm", "self_attn.k_norm");
        Names chosen = shared.and("exp_probs_b.bias", "mlp.gate.e_score_correction_bias")
                .biased("attn_q", "attn_k", "attn_v", "attn_output");
        all.put(
                "glm4moe",
                chosen.without("ffn_norm")
                        .and("post_attention_norm", "post_attention_layernorm")
                        .with(GgufMixtures::glm4));
        all.put("dots1", chosen.with(GgufMixtures::dots));
        all.put(
                "minimax-m2",
                noMlp.and("ffn_gate_inp", "block_sparse_moe.gate")
                        .and("ffn_gate_exps", "block_sparse_moe.experts.{i}.w1")
                        .and("ffn_up_exps", "block_sparse_moe.experts.{i}.w3")
                        .and("ffn_down_exps", "block_sparse_moe.experts.{i}.w2")
                        .and("exp_probs_b.bias", "block_sparse_moe.e_score_correction_bias")
                        .and("attn_q_norm", "self_attn.q_norm", "attn_k_norm", "self_attn.k_norm")
                        .with(GgufMixtures::miniMax));
        all.put(
                "ernie4_5-moe",
                shared.and("exp_probs_b.bias", "mlp.e_score_correction_bias").with(GgufMixtures::ernie45));
        all.put(
                "exaone-moe",
                shared.and("exp_probs_b.bias", "mlp.e_score_correction_bias").with(GgufMixtures::exaone));
        all.put(
                "afmoe",
                shared.and("ffn_gate_inp", "mlp.router.gate", "exp_probs_b.bias", "mlp.expert_bias")
                        .and("post_attention_norm", "post_attention_layernorm", "ffn_norm", "pre_mlp_layernorm")
                        .and("post_ffw_norm", "post_mlp_layernorm", "attn_gate", "self_attn.gate_proj")
                        .with(GgufMixtures::arcee));
        all.put(
                "mimo2",
                shared.without("attn_q_norm", "attn_k_norm", "ffn_gate_shexp", "ffn_up_shexp", "ffn_down_shexp")
                        .and("exp_probs_b.bias", "mlp.gate.e_score_correction_bias")
                        .and("attn_sinks.weight", "self_attn.attention_sink_bias")
                        .biased("attn_q", "attn_k", "attn_v")
                        .with(GgufMixtures::miMo));
        all.put(
                "hunyuan-moe",
                experts.and("attn_q_norm", "self_attn.query_layernorm", "attn_k_norm", "self_attn.key_layernorm")
                        .and("ffn_gate_inp", "mlp.gate.wg", "ffn_gate_shexp", "mlp.shared_mlp.gate_proj")
                        .and("ffn_up_shexp", "mlp.shared_mlp.up_proj", "ffn_down_shexp", "mlp.shared_mlp.down_proj")
                        .biased("attn_q", "attn_k", "attn_v", "attn_output")
                        .with(GgufMixtures::hunYuan));
        all.put(
                "phimoe",
                noMlp.and("ffn_gate_inp", "block_sparse_moe.gate")
                        .and("ffn_gate_exps", "block_sparse_moe.experts.{i}.w1")
                        .and("ffn_up_exps", "block_sparse_moe.experts.{i}.w3")
                        .and("ffn_down_exps", "block_sparse_moe.experts.{i}.w2")
                        .biased("output", "output_norm", "attn_norm", "ffn_norm")
                        .biased("attn_q", "attn_k", "attn_v", "attn_output")
                        .with(GgufMixtures::phi));
        all.put(
                "llama4",
                noMlp.and("ffn_gate", "feed_forward.gate_proj", "ffn_up", "feed_forward.up_proj")
                        .and("ffn_down", "feed_forward.down_proj", "ffn_gate_inp", "feed_forward.router")
                        .and("ffn_gate_exps", "feed_forward.experts.{i}.gate_proj")
                        .and("ffn_up_exps", "feed_forward.experts.{i}.up_proj")
                        .and("ffn_down_exps", "feed_forward.experts.{i}.down_proj")
                        .and("ffn_gate_shexp", "feed_forward.shared_expert.gate_proj")
                        .and("ffn_up_shexp", "feed_forward.shared_expert.up_proj")
                        .and("ffn_down_shexp", "feed_forward.shared_expert.down_proj")
                        .with(GgufMixtures::llama4));
        all.put(
                "deepseek2",
                experts.without("attn_k", "attn_v")
                        .and("ffn_gate", "mlp.gate_proj", "ffn_up", "mlp.up_proj", "ffn_down", "mlp.down_proj")
                        .and("attn_q_a", "self_attn.q_a_proj", "attn_q_a_norm", "self_attn.q_a_layernorm")
                        .and("attn_q_b", "self_attn.q_b_proj", "attn_kv_a_mqa", "self_attn.kv_a_proj_with_mqa")
                        .and("attn_kv_a_norm", "self_attn.kv_a_layernorm", "attn_kv_b", "self_attn.kv_b_proj")
                        .and("attn_k_b", "self_attn.k_b_proj", "attn_v_b", "self_attn.v_b_proj")
                        .and(
                                "ffn_gate_shexp",
                                "mlp.shared_experts.gate_proj",
                                "ffn_up_shexp",
                                "mlp.shared_experts.up_proj")
                        .and("ffn_down_shexp", "mlp.shared_experts.down_proj")
                        .and("exp_probs_b.bias", "mlp.gate.e_score_correction_bias")
                        .with(GgufMixtures::deepSeek));
    }

    static void mixtral(GgufFields f) {
        f.llama("mixtral").window().experts("num_local_experts");
    }

    static void qwen2(GgufFields f) {
        f.llama("qwen2_moe")
                .experts("num_experts")
                .json
                .put("qkv_bias", f.has("blk.0.attn_q.bias") || f.has("blk.0.attn_qkv.bias"));
        width(f);
        int shared = f.keys.size("expert_shared_feed_forward_length", f.keys.size("feed_forward_length"));
        f.json.put("shared_expert_intermediate_size", shared)
                .put("norm_topk_prob", f.keys.flag("expert_weights_norm", false));
    }

    static void qwen3(GgufFields f) {
        f.llama("qwen3_moe")
                .experts("num_experts")
                .json
                .put("norm_topk_prob", f.keys.flag("expert_weights_norm", true));
        width(f);
    }

    /** Neurons per expert; in early files without the key, feed_forward_length divided by the experts per token. */
    private static void width(GgufFields f) {
        int shared = f.keys.size("feed_forward_length") / Math.max(1, f.keys.size("expert_used_count"));
        f.json.put("moe_intermediate_size", f.keys.size("expert_feed_forward_length", shared));
    }

    static void olmo(GgufFields f) {
        f.llama("olmoe").experts("num_experts").json.put("norm_topk_prob", f.keys.flag("expert_weights_norm", false));
    }

    static void granite(GgufFields f) {
        f.llama("granitemoe")
                .biases()
                .factors()
                .experts("num_local_experts")
                .json
                .remove("mlp_bias");
        int shared = f.keys.size("expert_shared_feed_forward_length", 0);
        if (shared > 0) f.type("granitemoeshared").json.put("shared_intermediate_size", shared);
    }

    /** Sets truncate to false: the reference does not round YaRN's limits to whole pairs, unlike llama.cpp. */
    static void gptOss(GgufFields f) {
        f.llama("gpt_oss").windows(2).experts("num_local_experts");
        f.json.put("intermediate_size", f.keys.size("expert_feed_forward_length"));
        if (f.json.path("rope_scaling").path("rope_type").asText().equals("yarn"))
            f.json.withObject("/rope_scaling").put("truncate", false);
    }

    /** DeepSeek V2, or V3 where scores are sigmoids, by the file's key or by the presence of V3's choice bias. */
    static void deepSeek(GgufFields f) {
        boolean bias = f.file.tensors().keySet().stream().anyMatch(n -> n.endsWith(".exp_probs_b.bias"));
        int scores = f.keys.size("expert_gating_func", 0);
        if (scores > SIGMOID) throw f.keys.wrong("expert_gating_func", "1 (softmax) or 2 (sigmoid)");
        boolean three = scores == SIGMOID || (scores != SOFTMAX && bias);
        f.type(three ? "deepseek_v3" : "deepseek_v2").sizes().rms().experts("n_routed_experts");
        latent(f);
        int groups = routed(f, false);
        if (!three) f.json.put("topk_method", groups > 1 ? "group_limited_greedy" : "greedy");
    }

    /** Fields of DeepSeek's mixtures, which other families have too; returns the number of groups. */
    static int routed(GgufFields f, boolean normed) {
        int groups = Math.max(1, f.keys.size("expert_group_count", 1));
        int shared = f.keys.size("expert_shared_count", 0);
        f.json.put("moe_intermediate_size", f.keys.size("expert_feed_forward_length"))
                .put("first_k_dense_replace", f.keys.size("leading_dense_block_count", 0))
                .put("norm_topk_prob", f.keys.flag("expert_weights_norm", normed))
                .put("routed_scaling_factor", f.keys.number("expert_weights_scale", 1))
                .put("n_group", groups)
                .put("topk_group", Math.max(1, f.keys.size("expert_group_used_count", 1)));
        if (shared == 0) f.json.putNull("n_shared_experts");
        else f.json.put("n_shared_experts", shared);
        return groups;
    }

    static void sigmoid(GgufFields f) {
        if (f.keys.size("expert_gating_func", SIGMOID) != SIGMOID)
            throw f.keys.wrong("expert_gating_func", "2 (sigmoid)");
    }

    /** GLM 4.5; its blocks that predict further tokens, the last ones, are not opened. */
    static void glm4(GgufFields f) {
        f.llama("glm4_moe").biases().experts("n_routed_experts").json.remove("mlp_bias");
        sigmoid(f);
        routed(f, true);
        f.json.put("use_qk_norm", f.has("blk.0.attn_q_norm.weight"));
    }

    static void dots(GgufFields f) {
        f.llama("dots1").biases().experts("n_routed_experts").json.remove("mlp_bias");
        sigmoid(f);
        routed(f, false);
    }

    static void miniMax(GgufFields f) {
        f.llama("minimax_m2").experts("num_local_experts");
        sigmoid(f);
        f.json.put("intermediate_size", f.keys.size("expert_feed_forward_length"));
    }

    /** Checks that the shared experts are as wide as that many of the others. */
    private static void sharedAsWide(GgufFields f) {
        long all = (long) f.keys.size("expert_shared_count", 0) * f.keys.size("expert_feed_forward_length");
        int most = (int) Math.min(all, Integer.MAX_VALUE);
        if (f.keys.size("expert_shared_feed_forward_length", most) != all)
            throw f.keys.wrong("expert_shared_feed_forward_length", "expert_shared_count experts' neurons, " + all);
    }

    static void exaone(GgufFields f) {
        sharedAsWide(f);
        sigmoid(f);
        f.llama("exaone_moe").windows(4).experts("num_experts");
        routed(f, true);
        f.json.set("num_shared_experts", f.json.remove("n_shared_experts"));
    }

    /** Trinity; its embedding is multiplied by sqrt(d_model), which no key says. */
    static void arcee(GgufFields f) {
        f.llama("afmoe").windows(4).experts("num_experts");
        sigmoid(f);
        f.json.put("moe_intermediate_size", f.keys.size("expert_feed_forward_length"))
                .put("num_shared_experts", f.keys.size("expert_shared_count", 0))
                .put("num_dense_layers", f.keys.size("leading_dense_block_count", 0))
                .put("route_norm", f.keys.flag("expert_weights_norm", false))
                .put("route_scale", f.keys.number("expert_weights_scale", 1))
                .put("mup_enabled", true);
    }

    /** Layers with a window have twice the key heads of the others. */
    static void miMo(GgufFields f) {
        f.type("mimo_v2_flash").sizes().rms().windows(0).experts("n_routed_experts");
        sigmoid(f);
        routed(f, true);
        f.json.remove("first_k_dense_replace");
        ArrayNode mlps = f.json.putArray("mlp_layer_types");
        for (int i = 0; i < f.layers; i++) mlps.add(f.has("blk." + i + ".ffn_gate_inp.weight") ? "sparse" : "dense");
        long[] each = f.keys.each("attention.head_count_kv", f.layers);
        boolean[] windowed = f.keys.flags("attention.sliding_window_pattern", f.layers);
        if (windowed == null) throw f.keys.wrong("attention.sliding_window_pattern", "a flag per layer");
        long whole = 0;
        for (int i = 0; i < f.layers; i++) {
            long heads = windowed[i] ? each[i] / 2 : each[i];
            if (whole == 0) whole = heads;
            if (heads < 1 || heads != whole || (windowed[i] && each[i] % 2 != 0))
                throw f.keys.wrong(
                        "attention.head_count_kv", "one number in layers without a window, twice it in the others");
        }
        int dHead = f.keys.size("attention.key_length");
        double part = GgufRope.part(f.keys.size("rope.dimension_count", dHead), dHead);
        double theta = f.keys.number("rope.freq_base", 10_000);
        f.json.put("num_key_value_heads", whole)
                .put("head_dim", dHead)
                .put("v_head_dim", f.keys.size("attention.value_length", dHead))
                .put("attention_value_scale", f.keys.number("attention.value_scale", 1))
                .put("attention_bias", f.has("blk.0.attn_q.bias"));
        ObjectNode ropes = f.json.putObject("rope_parameters");
        GgufRope.put(ropes, "full_attention", theta, part);
        GgufRope.put(ropes, "sliding_attention", f.keys.number("rope.freq_base_swa", theta), part);
    }

    static void hunYuan(GgufFields f) {
        int width = f.keys.size("expert_feed_forward_length");
        sharedAsWide(f);
        if (f.keys.size("expert_shared_count") != 1) throw f.keys.wrong("expert_shared_count", "1");
        f.llama("hunyuan_v1_moe")
                .biases()
                .json
                .put("intermediate_size", width)
                .put("num_experts", f.keys.size("expert_count"))
                .put("moe_topk", f.keys.size("expert_used_count"))
                .remove("mlp_bias");
    }

    /** Phi 3.5 MoE; what its LongRoPE multiplies cosines and sines by is not in the file. */
    static void phi(GgufFields f) {
        for (String divisors : GgufConfig.ROPE_TENSORS)
            if (f.has(divisors)) throw f.keys.wrong("rope.scaling.type", "none: LongRoPE of this family is not read");
        f.llama("phimoe").biases().window().experts("num_local_experts").json.remove("mlp_bias");
        f.json.put("lm_head_bias", f.has("output.bias"));
    }

    /** The sizes of chunks and of the queries' scale are Llama 4's own; the file says only where no layer has chunks. */
    static void llama4(GgufFields f) {
        if (f.keys.has("attention.sliding_window"))
            throw f.keys.wrong("attention.sliding_window", "nothing: chunks of 8,192 positions");
        f.llama("llama4_text")
                .experts("num_local_experts")
                .json
                .put("intermediate_size_mlp", f.keys.size("feed_forward_length"))
                .put("intermediate_size", f.keys.size("expert_feed_forward_length"))
                .put("interleave_moe_layer_step", f.keys.size("interleave_moe_layer_step"))
                .put("use_qk_norm", f.keys.size("expert_count") != 128); // all but Maverick
    }

    /**
     * The shared experts are as wide as that many of the others; the converter's own key for it is right for published
     * models only.
     */
    static void ernie45(GgufFields f) {
        int width = f.keys.size("expert_feed_forward_length");
        int shared = f.keys.size("expert_shared_count", 0);
        f.keys.size("expert_shared_feed_forward_length", 0);
        f.llama("ernie4_5_moe")
                .json
                .put("moe_num_experts", f.keys.size("expert_count"))
                .put("moe_k", f.keys.size("expert_used_count"))
                .put("moe_intermediate_size", width)
                .put("moe_num_shared_experts", shared)
                .put("moe_layer_start_index", f.keys.size("leading_dense_block_count", 1))
                .put("moe_layer_interval", f.keys.size("interleave_moe_layer_step", 1));
    }

    /**
     * Latent attention's sizes; where the file has the _mla keys, key_length and value_length are those of the latent
     * cache.
     */
    static void latent(GgufFields f) {
        int rotaryDims = f.keys.size("rope.dimension_count");
        int key = f.keys.size("attention.key_length_mla", f.keys.size("attention.key_length", 0));
        if (key <= rotaryDims)
            throw f.keys.wrong("attention.key_length", "more than rope.dimension_count, " + rotaryDims);
        f.json.put("num_key_value_heads", f.heads)
                .put("kv_lora_rank", f.keys.size("attention.kv_lora_rank"))
                .put("qk_rope_head_dim", rotaryDims)
                .put("qk_nope_head_dim", key - rotaryDims)
                .put("v_head_dim", f.keys.size("attention.value_length_mla", f.keys.size("attention.value_length", 0)))
                .put("rope_theta", f.keys.number("rope.freq_base", 10_000));
        int query = f.keys.size("attention.q_lora_rank", 0);
        if (query == 0) f.json.putNull("q_lora_rank");
        else f.json.put("q_lora_rank", query);
        GgufRope.read(f.json, f.keys, f.file, rotaryDims);
        // The key is mscale_all_dim / 10; mscale equals mscale_all_dim in all published models.
        double scale = f.keys.number("rope.scaling.yarn_log_multiplier", 0) * 10;
        if (scale != 0 && f.json.has("rope_scaling"))
            f.json.withObject("/rope_scaling").put("mscale", scale).put("mscale_all_dim", scale);
    }
}
