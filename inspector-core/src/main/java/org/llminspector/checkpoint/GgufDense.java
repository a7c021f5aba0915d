package org.llminspector.checkpoint;

import com.fasterxml.jackson.databind.node.ArrayNode;
import java.util.List;
import org.llminspector.checkpoint.gguf.GgufMetadata;
import org.llminspector.checkpoint.gguf.GgufTensor;

/**
 * config.json of GGUF architectures without experts.
 *
 * <p>Settings that are hard-coded in llama.cpp and not in the file (activations, Gemma's window pattern and scale, NoPE
 * layers) are filled in as by llama.cpp, which agrees with those models' config.json.
 */
final class GgufDense {

    private GgufDense() {}

    static void llama(GgufFields f) {
        f.llama("llama").biases();
        int window = f.keys.size("attention.sliding_window", 0);
        if (window > 0) f.type("mistral").json.put("sliding_window", window);
    }

    static void qwen2(GgufFields f) {
        f.llama("qwen2");
    }

    static void qwen3(GgufFields f) {
        f.llama("qwen3");
    }

    static void smolLm3(GgufFields f) {
        f.llama("smollm3").json.put("no_rope_layer_interval", 4);
    }

    static void phi3(GgufFields f) {
        f.llama("phi3").window();
    }

    static void gemma(GgufFields f) {
        f.llama("gemma");
    }

    static void gemma2(GgufFields f) {
        gemma(f.llama("gemma2").windows(2), f.layers == 46);
        f.json.put("attn_logit_softcapping", f.keys.number("attn_logit_softcapping", 50))
                .put("final_logit_softcapping", f.keys.number("final_logit_softcapping", 30));
    }

    static void gemma3(GgufFields f) {
        gemma(f.llama("gemma3_text").windows(6), f.layers == 62);
        f.json.put("rope_local_base_freq", f.keys.number("rope.freq_base_swa", 10_000));
        double cap = f.keys.number("final_logit_softcapping", 0);
        if (cap > 0) f.json.put("final_logit_softcapping", cap);
    }

    static void gemma3n(GgufFields f) {
        f.llama("gemma3n_text").windows(5);
        inputs(f);
        if (f.json.path("hidden_size_per_layer_input").asInt() == 0)
            throw f.keys.wrong("embedding_length_per_layer_input", "at least 1");
        GgufTensor left = f.file.tensors().get("blk.0.laurel_l.weight");
        if (left == null || left.shape().size() != 2)
            throw f.file.metadata().wrong("tensor blk.0.laurel_l.weight", "a matrix");
        f.json.put("rope_local_base_freq", f.keys.number("rope.freq_base_swa", 10_000))
                .put("altup_active_idx", f.keys.size("altup.active_idx", 0))
                .put("altup_num_inputs", f.keys.size("altup.num_inputs", 4))
                .put("laurel_rank", left.shape().get(0));
        ArrayNode shares = f.json.putArray("activation_sparsity_pattern");
        for (float cutoff : f.keys.numbers("activation_sparsity_scale", f.layers)) shares.add(share(cutoff));
    }

    /** The share of a normal distribution below, to the six digits that a float32 cutoff has. */
    private static double share(double cutoff) {
        if (!(cutoff > -6)) return 0;
        double term = cutoff;
        double sum = cutoff;
        for (int n = 3; n < 200; n += 2) sum += term *= cutoff * cutoff / n;
        double share = 0.5 + sum * Math.exp(-cutoff * cutoff / 2) / Math.sqrt(2 * Math.PI);
        return Math.rint(share * 1e6) / 1e6;
    }

    /** What Gemma 3n and 4 share: per-layer embeddings, keys of earlier layers, a soft cap. */
    private static void inputs(GgufFields f) {
        int inputs = f.keys.size("embedding_length_per_layer_input", 0);
        GgufTensor table = f.file.tensors().get("per_layer_token_embd.weight");
        f.json.put("hidden_activation", "gelu_pytorch_tanh")
                .put("hidden_size_per_layer_input", inputs)
                .put("num_kv_shared_layers", f.keys.size("attention.shared_kv_layers", 0));
        if (inputs > 0 && table != null && table.shape().size() == 2)
            f.json.put("vocab_size_per_layer_input", table.shape().get(0));
        double cap = f.keys.number("final_logit_softcapping", 0);
        if (cap > 0) f.json.put("final_logit_softcapping", cap);
        else f.json.putNull("final_logit_softcapping");
    }

    /** Layers of the whole context have heads of their own size, and values where the file has them. */
    static void gemma4(GgufFields f) {
        f.type("gemma4_text").rms().windows(6);
        inputs(f);
        int whole = -1;
        int windowed = -1;
        for (int i = f.layers - 1; i >= 0; i--) {
            boolean full = f.json.get("layer_types").get(i).asText().equals("full_attention");
            if (full) whole = i;
            else windowed = i;
        }
        if (whole < 0 || windowed < 0)
            throw f.keys.wrong("attention.sliding_window_pattern", "layers with a window and without");
        long[] kv = f.keys.eachOrAll("attention.head_count_kv", f.layers);
        int dHead = f.headDim();
        int own = f.keys.size("attention.key_length_swa");
        if (f.keys.size("attention.value_length_swa", own) != own)
            throw f.keys.wrong("attention.value_length_swa", own + ", as attention.key_length_swa");
        f.json.put("hidden_size", f.width)
                .put("num_hidden_layers", f.layers)
                .put("num_attention_heads", f.heads)
                .put("max_position_embeddings", f.keys.size("context_length"))
                .put("head_dim", own)
                .put("global_head_dim", dHead)
                .put("num_key_value_heads", kv[windowed])
                .put("num_global_key_value_heads", kv[whole])
                .put("attention_k_eq_v", !f.has("blk." + whole + ".attn_v.weight"));
        for (int i = 0; i < f.layers; i++) {
            boolean full = f.json.get("layer_types").get(i).asText().equals("full_attention");
            if (kv[i] != kv[full ? whole : windowed])
                throw f.keys.wrong("attention.head_count_kv", "one number for each kind of layer");
        }
        gemma4Mlps(f);
        if (f.keys.size("rope.dimension_count", dHead) != dHead) throw f.keys.wrong("rope.dimension_count", dHead + "");
        double theta = f.keys.number("rope.freq_base", 10_000);
        int turned = f.keys.size("rope.dimension_count_swa", own);
        var ropes = f.json.putObject("rope_parameters");
        GgufRope.put(ropes, "full_attention", theta, GgufRope.turning(f.file, dHead))
                .put("rope_type", "proportional");
        GgufRope.put(
                ropes, "sliding_attention", f.keys.number("rope.freq_base_swa", theta), GgufRope.part(turned, own));
    }

    /** MLPs are twice as wide in the layers that share keys, or as wide everywhere. */
    private static void gemma4Mlps(GgufFields f) {
        long[] widths = f.keys.eachOrAll("feed_forward_length", f.layers);
        int first = f.layers - f.json.get("num_kv_shared_layers").asInt();
        boolean wide = widths[f.layers - 1] != widths[0];
        for (int i = 0; i < f.layers; i++)
            if (widths[i] != widths[0] * (wide && i >= first ? 2 : 1))
                throw f.keys.wrong(
                        "feed_forward_length", "one size, or twice it in the " + (f.layers - first) + " last layers");
        int experts = f.keys.size("expert_count", 0);
        f.json.put("intermediate_size", widths[0])
                .put("use_double_wide_mlp", wide)
                .put("enable_moe_block", experts > 0);
        if (experts == 0) return;
        f.json.put("num_experts", experts)
                .put("top_k_experts", f.keys.size("expert_used_count"))
                .put("moe_intermediate_size", f.keys.size("expert_feed_forward_length"));
    }

    /** The 27B models scale by d_model / n_heads, which is not their head size. */
    private static void gemma(GgufFields f, boolean large) {
        f.json.put("query_pre_attn_scalar", large ? f.width / f.heads : f.headDim())
                .put("hidden_activation", "gelu_pytorch_tanh");
    }

    /** OLMo 2, or OLMo 3 if there is a sliding window. */
    static void olmo2(GgufFields f) {
        f.llama("olmo2");
        if (f.keys.size("attention.sliding_window", 0) == 0) return;
        f.type("olmo3").windows(4);
        double theta = f.json.get("rope_theta").asDouble();
        if (f.keys.number("rope.freq_base_swa", theta) != theta)
            throw f.keys.wrong("rope.freq_base_swa", theta + ", as rope.freq_base");
    }

    static void exaone4(GgufFields f) {
        f.llama("exaone4");
        if (f.keys.size("attention.sliding_window", 0) > 0) f.windows(4);
    }

    static void olmo(GgufFields f) {
        f.layerNormed("olmo", "layer_norm_eps").json.remove("layer_norm_eps");
        if (f.keys.number("attention.layer_norm_epsilon", 1e-5) != 1e-5)
            throw f.keys.wrong("attention.layer_norm_epsilon", "1e-5, which the reference takes whatever is said");
        clip(f);
    }

    private static void clip(GgufFields f) {
        double clip = f.keys.number("attention.clamp_kqv", 0);
        if (clip > 0) f.json.put("clip_qkv", clip);
    }

    static void granite(GgufFields f) {
        f.llama("granite").biases().factors();
    }

    static void cohere(GgufFields f) {
        f.layerNormed("cohere", "layer_norm_eps").biases().json.remove("mlp_bias");
        f.json.put("use_qk_norm", f.has("blk.0.attn_q_norm.weight"))
                .put("logit_scale", f.keys.number("logit_scale", 1));
    }

    static void cohere2(GgufFields f) {
        f.layerNormed("cohere2", "layer_norm_eps").windows(4);
        f.json.put("logit_scale", f.keys.number("logit_scale", 1));
    }

    static void ernie45(GgufFields f) {
        f.llama("ernie4_5").json.put("use_bias", f.has("blk.0.attn_output.bias"));
    }

    static void glm4(GgufFields f) {
        f.llama("glm4").biases().json.remove("mlp_bias");
    }

    static void glm(GgufFields f) {
        f.llama("glm").biases().json.remove("mlp_bias");
    }

    /** Its YaRN has no factor of its own: mscale is mscale_all_dim. */
    static void ministral(GgufFields f) {
        f.llama("ministral3").window();
        double scale = f.keys.number("rope.scaling.yarn_log_multiplier", 0);
        double beta = f.keys.number("attention.temperature_scale", 0);
        if (!f.json.has("rope_scaling")) {
            if (beta != 0) throw f.keys.wrong("attention.temperature_scale", "0 without rope.scaling.type yarn");
            return;
        }
        var scaling = f.json.withObject("/rope_scaling");
        if (scale != 0) scaling.put("mscale", scale).put("mscale_all_dim", scale);
        if (beta != 0) scaling.put("llama_4_scaling_beta", beta);
    }

    static void arcee(GgufFields f) {
        f.llama("arcee").biases();
    }

    static void seedOss(GgufFields f) {
        f.llama("seed_oss").biases().json.put("attention_out_bias", f.has("blk.0.attn_output.bias"));
    }

    /** The base of its angles has the config's NTK factor in it. */
    static void hunYuan(GgufFields f) {
        f.llama("hunyuan_v1_dense").biases();
    }

    /**
     * The block is parallel where the file has no second norm; the key use_parallel_residual is true for other models
     * too.
     */
    static void stableLm(GgufFields f) {
        f.keys.flag("use_parallel_residual", false);
        f.layerNormed("stablelm", "layer_norm_eps")
                .json
                .put("use_parallel_residual", !f.has("blk.0.ffn_norm.weight"))
                .put("use_qkv_bias", f.has("blk.0.attn_q.bias"))
                .put("qk_layernorm", f.has("blk.0.attn_q_norm.weight"));
    }

    static void nemotron(GgufFields f) {
        f.keys.number("attention.layer_norm_rms_epsilon", 0); // present too, but it has no RMSNorm
        f.layerNormed("nemotron", "norm_eps").biases();
    }

    static void starCoder2(GgufFields f) {
        f.layerNormed("starcoder2", "norm_epsilon").window().json.put("use_bias", f.has("blk.0.attn_output.bias"));
    }

    static void phi(GgufFields f) {
        f.layerNormed("phi", "layer_norm_eps");
    }

    /** Layers with 0 key heads are convolutions. */
    static void lfm2(GgufFields f) {
        f.llama("lfm2");
        f.json.remove("rms_norm_eps");
        f.json.put("norm_eps", f.keys.number("attention.layer_norm_rms_epsilon", 1e-5))
                .put("conv_L_cache", f.keys.size("shortconv.l_cache"))
                .put("block_auto_adjust_ff_dim", false);
        long[] each = f.keys.each("attention.head_count_kv", f.layers);
        var types = f.json.putArray("layer_types");
        for (long heads : each) types.add(heads == 0 ? "conv" : "full_attention");
    }

    static void apertus(GgufFields f) {
        f.llama("apertus").biases().json.remove("mlp_bias");
        GgufMetadata m = f.file.metadata();
        for (String part : List.of("alpha_p", "alpha_n", "beta", "eps")) {
            String key = "xielu." + part;
            float[] each = m.floats(key);
            if (each.length != f.layers) throw m.wrong(key, "a list of " + f.layers + " numbers, one per layer");
            for (int i = 0; i < f.layers; i++) f.numbers.put("model.layers." + i + ".mlp.act_fn." + part, each[i]);
        }
    }

    static void gpt2(GgufFields f) {
        gpt2(f, "gpt2", "gelu_new");
        f.keys.size("rope.dimension_count", 0); // written by some converters; GPT-2 has no RoPE
    }

    static void gptBigCode(GgufFields f) {
        gpt2(f, "gpt_bigcode", "gelu_pytorch_tanh");
        if (f.kvHeads != 1) throw f.keys.wrong("attention.head_count_kv", "1: one head of keys for all queries");
        f.json.put("multi_query", true);
    }

    private static void gpt2(GgufFields f, String type, String activation) {
        f.type(type)
                .layerNorm("layer_norm_epsilon")
                .json
                .put("n_embd", f.width)
                .put("n_layer", f.layers)
                .put("n_head", f.heads)
                .put("n_positions", f.keys.size("context_length"))
                .put("n_inner", f.keys.size("feed_forward_length"))
                .put("activation_function", activation);
    }

    static void gptNeoX(GgufFields f) {
        int dHead = f.headDim();
        f.type("gpt_neox")
                .sizes()
                .layerNorm("layer_norm_eps")
                .json
                .put("hidden_act", "gelu")
                .put("rotary_pct", (double) f.keys.size("rope.dimension_count", dHead) / dHead)
                .put("rotary_emb_base", f.keys.number("rope.freq_base", 10_000))
                .put("use_parallel_residual", f.keys.flag("use_parallel_residual", true));
    }

    static void bloom(GgufFields f) {
        f.type("bloom")
                .fourfold()
                .layerNorm("layer_norm_epsilon")
                .json
                .put("hidden_size", f.width)
                .put("n_layer", f.layers)
                .put("n_head", f.heads)
                .put("seq_length", f.keys.size("context_length"));
    }

    /** The two parallel layouts of Falcon's three; the first models' ALiBi is not supported by llama.cpp. */
    static void falcon(GgufFields f) {
        if (!f.keys.text("tensor_data_layout", "").equals("jploski"))
            throw f.keys.wrong("tensor_data_layout", "\"jploski\": queries, keys and values one after another");
        int ffn = f.keys.size("feed_forward_length");
        f.type("falcon")
                .sizes()
                .layerNorm("layer_norm_epsilon")
                .json
                .put("ffn_hidden_size", ffn)
                .put("num_kv_heads", f.kvHeads)
                .put("new_decoder_architecture", f.kvHeads > 1)
                .put("multi_query", true)
                .put("parallel_attn", true)
                .put("rope_theta", f.keys.number("rope.freq_base", 10_000))
                .remove("intermediate_size");
    }

    static void mpt(GgufFields f) {
        double alibi = f.keys.number("attention.max_alibi_bias", 0);
        if (!(alibi > 0))
            throw f.keys.wrong("attention.max_alibi_bias", "more than 0: learned positions of MPT are not read");
        if (f.kvHeads != f.heads) throw f.keys.wrong("attention.head_count_kv", "one head of keys for each query's");
        f.type("mpt")
                .fourfold()
                .layerNorm("layer_norm_epsilon")
                .json
                .put("d_model", f.width)
                .put("n_layers", f.layers)
                .put("n_heads", f.heads)
                .put("max_seq_len", f.keys.size("context_length"));
        var attention = f.json.putObject("attn_config").put("alibi_bias_max", alibi);
        double clip = f.keys.number("attention.clamp_kqv", 0);
        if (clip > 0) attention.put("clip_qkv", clip);
    }
}
