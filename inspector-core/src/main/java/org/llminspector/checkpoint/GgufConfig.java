package org.llminspector.checkpoint;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.Map;
import java.util.Set;
import org.llminspector.base.Json;
import org.llminspector.base.Problem;
import org.llminspector.checkpoint.gguf.GgufFile;
import org.llminspector.checkpoint.gguf.GgufMetadata;
import org.llminspector.checkpoint.gguf.GgufTensor;

/**
 * GgufConfig is a GGUF file's metadata as the config.json that Hugging Face would have for it.
 *
 * <p>What llama.cpp knows by heart and the file does not say (activations, Gemma's window pattern and scale, NoPE
 * layers) is filled in as llama.cpp does, which is what those models' config.json say.
 */
record GgufConfig(ObjectNode json, int nHeads, int nKvHeads) {

    /** Tensors that are part of the config. */
    static final Set<String> ROPE_TENSORS = Set.of(GgufRope.LLAMA3, GgufRope.SHORT, GgufRope.LONG);

    static GgufConfig read(String name, GgufArchitecture architecture, GgufFile file) {
        GgufMetadata m = file.metadata();
        GgufKeys keys = new GgufKeys(m, name);
        int layers = keys.size("block_count");
        int width = keys.size("embedding_length");
        int heads = keys.size("attention.head_count");
        int kvHeads = keys.size("attention.head_count_kv", heads);
        if (heads < 1 || kvHeads < 1 || layers > 10_000) throw keys.wrong("attention.head_count", "at least 1");
        ObjectNode c = Json.mapper().createObjectNode();
        c.put("model_type", architecture.modelType());
        c.put("vocab_size", vocabulary(file));
        c.put("tie_word_embeddings", !file.tensors().containsKey("output.weight"));
        token(c, "bos_token_id", m, "tokenizer.ggml.bos_token_id");
        token(c, "eos_token_id", m, "tokenizer.ggml.eos_token_id");
        if (name.equals("gpt2")) {
            gpt2(c, keys, layers, width, heads);
        } else {
            c.put("hidden_size", width)
                    .put("intermediate_size", keys.size("feed_forward_length"))
                    .put("num_hidden_layers", layers)
                    .put("num_attention_heads", heads)
                    .put("max_position_embeddings", keys.size("context_length"));
            int dHead = keys.size("attention.key_length", width / heads);
            if (keys.size("attention.value_length", dHead) != dHead) {
                throw keys.wrong("attention.value_length", dHead + ", as attention.key_length");
            }
            if (name.equals("gptneox")) gptNeoX(c, keys, dHead);
            else likeLlama(c, name, keys, file, dHead, kvHeads, layers);
        }
        keys.refuseWhatWasNotUnderstood();
        return new GgufConfig(c, heads, kvHeads);
    }

    /** Rows of the embedding; padding is part of it. */
    private static long vocabulary(GgufFile file) {
        GgufTensor embed = file.tensors().get("token_embd.weight");
        if (embed == null || embed.shape().size() != 2) {
            throw Problem.invalid("the file has no embedding")
                    .where(file.path() + ", tensor \"token_embd.weight\"")
                    .expected("a matrix")
                    .found(embed == null ? "nothing" : embed.shape());
        }
        return embed.shape().get(0);
    }

    private static void token(ObjectNode c, String field, GgufMetadata m, String key) {
        // 2^32 - 1 is "none".
        if (m.value(key) instanceof Long id && id >= 0 && id < Integer.MAX_VALUE) c.put(field, (int) (long) id);
    }

    private static void gpt2(ObjectNode c, GgufKeys keys, int layers, int width, int heads) {
        c.put("n_embd", width)
                .put("n_layer", layers)
                .put("n_head", heads)
                .put("n_positions", keys.size("context_length"))
                .put("n_inner", keys.size("feed_forward_length"))
                .put("layer_norm_epsilon", keys.number("attention.layer_norm_epsilon", 1e-5))
                .put("activation_function", "gelu_new");
        keys.size("attention.head_count_kv", heads);
        keys.size("rope.dimension_count", 0); // written by some converters; GPT-2 does not rotate
    }

    private static void gptNeoX(ObjectNode c, GgufKeys keys, int dHead) {
        c.put("layer_norm_eps", keys.number("attention.layer_norm_epsilon", 1e-5))
                .put("hidden_act", "gelu")
                .put("rotary_pct", (double) keys.size("rope.dimension_count", dHead) / dHead)
                .put("rotary_emb_base", keys.number("rope.freq_base", 10_000))
                .put("use_parallel_residual", keys.flag("use_parallel_residual", true));
    }

    private static void likeLlama(
            ObjectNode c, String name, GgufKeys keys, GgufFile file, int dHead, int kvHeads, int layers) {
        c.put("num_key_value_heads", kvHeads)
                .put("head_dim", dHead)
                .put("rms_norm_eps", keys.number("attention.layer_norm_rms_epsilon", 1e-6))
                .put("rope_theta", keys.number("rope.freq_base", 10_000));
        GgufRope.read(c, keys, file, dHead);
        Map<String, GgufTensor> tensors = file.tensors();
        switch (name) {
            case "llama" -> {
                c.put("attention_bias", tensors.containsKey("blk.0.attn_q.bias"))
                        .put("mlp_bias", tensors.containsKey("blk.0.ffn_gate.bias"));
                int window = keys.size("attention.sliding_window", 0);
                if (window > 0) c.put("model_type", "mistral").put("sliding_window", window);
            }
            case "phi3" -> window(c, keys);
            case "smollm3" -> c.put("no_rope_layer_interval", 4);
            case "gemma2", "gemma3" -> gemma(c, name, keys, dHead, layers);
            default -> {}
        }
    }

    private static void window(ObjectNode c, GgufKeys keys) {
        int window = keys.size("attention.sliding_window", 0);
        if (window > 0) c.put("sliding_window", window);
        else c.putNull("sliding_window");
    }

    private static void gemma(ObjectNode c, String name, GgufKeys keys, int dHead, int layers) {
        boolean two = name.equals("gemma2");
        window(c, keys);
        // The 27 billion models scale by the width of a head that does not exist.
        boolean large = layers == (two ? 46 : 62);
        int width = c.get("hidden_size").asInt();
        c.put(
                "query_pre_attn_scalar",
                large ? width / c.get("num_attention_heads").asInt() : dHead);
        c.put("hidden_activation", "gelu_pytorch_tanh");
        if (two) {
            c.put("attn_logit_softcapping", keys.number("attn_logit_softcapping", 50));
            c.put("final_logit_softcapping", keys.number("final_logit_softcapping", 30));
        } else {
            c.put("rope_local_base_freq", keys.number("rope.freq_base_swa", 10_000));
            double cap = keys.number("final_logit_softcapping", 0);
            if (cap > 0) c.put("final_logit_softcapping", cap);
        }
        int period = keys.size("attention.sliding_window_pattern", two ? 2 : 6);
        ArrayNode types = c.putArray("layer_types");
        for (int i = 0; i < layers; i++) {
            types.add(period > 0 && (i + 1) % period == 0 ? "full_attention" : "sliding_attention");
        }
    }
}
