package org.llminspector.checkpoint;

/** config.json of GGUF architectures with experts. */
final class GgufMixtures {

    /** llama.cpp's ids of the routers' score functions. */
    private static final int SOFTMAX = 1;

    static final int SIGMOID = 2;

    private GgufMixtures() {}

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
    private static int routed(GgufFields f, boolean normed) {
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

    private static void sigmoid(GgufFields f) {
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

    /** The shared experts are as wide as that many of the others. */
    static void ernie45(GgufFields f) {
        int width = f.keys.size("expert_feed_forward_length");
        int shared = f.keys.size("expert_shared_count", 0);
        if (f.keys.size("expert_shared_feed_forward_length", shared * width) != shared * width)
            throw f.keys.wrong("expert_shared_feed_forward_length", "expert_shared_count experts' neurons");
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
    private static void latent(GgufFields f) {
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
