package org.llminspector.checkpoint;

import com.fasterxml.jackson.databind.node.ArrayNode;

/** config.json of GGUF architectures with recurrences, and of LFM2 with experts. */
final class GgufRecurrent {

    private GgufRecurrent() {}

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
        f.llama("qwen3_next").experts("num_experts");
        f.keys.size("full_attention_interval", 4); // the tensors say it
        int heads = heads(f);
        f.json.put("moe_intermediate_size", f.keys.size("expert_feed_forward_length"))
                .put("shared_expert_intermediate_size", f.keys.size("expert_shared_feed_forward_length"))
                .put("norm_topk_prob", f.keys.flag("expert_weights_norm", true))
                .put("linear_num_value_heads", heads)
                .put("linear_value_head_dim", f.keys.size("ssm.inner_size") / heads)
                .put("linear_num_key_heads", f.keys.size("ssm.group_count"))
                .put("linear_key_head_dim", f.keys.size("ssm.state_size"))
                .put("linear_conv_kernel_dim", f.keys.size("ssm.conv_kernel"));
        ArrayNode types = f.json.putArray("layer_types");
        for (int i = 0; i < f.layers; i++)
            types.add(f.has("blk." + i + ".ssm_a") ? "linear_attention" : "full_attention");
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
