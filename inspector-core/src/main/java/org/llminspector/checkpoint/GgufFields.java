package org.llminspector.checkpoint;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Set;
import org.llminspector.base.Json;
import org.llminspector.base.Problem;
import org.llminspector.checkpoint.gguf.GgufFile;
import org.llminspector.checkpoint.gguf.GgufTensor;

/**
 * Builder of config.json from a GGUF file's keys and tensors, with the groups of fields that several architectures
 * share. @see GgufDense fields per architecture
 */
final class GgufFields {

    private static final int MOST_HEADS = 1 << 20;
    private static final int MOST_LAYERS = 10_000;

    /** Architectures without attention. */
    private static final Set<String> ALONE = Set.of("mamba", "mamba2");

    /** Those with attention in some layers, whose numbers of key heads are a list. */
    private static final Set<String> HYBRID =
            Set.of("lfm2", "lfm2moe", "jamba", "granitehybrid", "nemotron_h", "nemotron_h_moe", "kimi-linear");

    /** Those whose layers differ in their numbers of key heads. */
    private static final Set<String> OF_SEVERAL_SIZES = Set.of("gemma4", "mimo2");

    final ObjectNode json = Json.mapper().createObjectNode();
    final GgufKeys keys;
    final GgufFile file;
    final int layers;
    final int width;
    final int heads;
    final int kvHeads;

    /** Scalars that are tensors in Hugging Face's model and keys in the file, by Hugging Face's name. */
    final Map<String, Float> numbers = new LinkedHashMap<>();

    GgufFields(String architecture, GgufFile file) {
        this.file = file;
        keys = new GgufKeys(file.metadata(), architecture);
        layers = keys.size("block_count") - keys.size("nextn_predict_layers", 0);
        width = keys.size("embedding_length");
        boolean attends = !ALONE.contains(architecture);
        heads = attends ? keys.size("attention.head_count") : 1;
        kvHeads = HYBRID.contains(architecture)
                ? keys.sizeOfSome("attention.head_count_kv", heads)
                : OF_SEVERAL_SIZES.contains(architecture)
                        ? keys.largest("attention.head_count_kv", heads)
                        : keys.size("attention.head_count_kv", heads);
        if (heads < 1 || heads > MOST_HEADS) throw keys.wrong("attention.head_count", "1 to " + MOST_HEADS);
        if (kvHeads < 1 || kvHeads > MOST_HEADS) throw keys.wrong("attention.head_count_kv", "1 to " + MOST_HEADS);
        if (layers > MOST_LAYERS) throw keys.wrong("block_count", "at most " + MOST_LAYERS);
        if (layers < 1) throw keys.wrong("nextn_predict_layers", "fewer than block_count");
        json.put("vocab_size", vocabulary());
        json.put("tie_word_embeddings", !has("output.weight"));
        token("bos_token_id");
        token("eos_token_id");
    }

    /** Rows of the embedding, including padding. */
    private long vocabulary() {
        GgufTensor embed = file.tensors().get("token_embd.weight");
        if (embed == null || embed.shape().size() != 2) {
            throw Problem.invalid("the file has no embedding")
                    .where(file.path() + ", tensor \"token_embd.weight\"")
                    .expected("a matrix")
                    .found(embed == null ? "nothing" : embed.shape());
        }
        return embed.shape().get(0);
    }

    private void token(String field) {
        // 2^32 - 1 is "none".
        Object value = file.metadata().value("tokenizer.ggml." + field);
        if (value instanceof Long id && id >= 0 && id < Integer.MAX_VALUE) json.put(field, (int) (long) id);
    }

    /** Whether some layer has this tensor. */
    boolean anyHas(String end) {
        return file.tensors().keySet().stream().anyMatch(name -> name.endsWith("." + end));
    }

    boolean has(String tensor) {
        return file.tensors().containsKey(tensor);
    }

    GgufFields type(String modelType) {
        json.put("model_type", modelType);
        return this;
    }

    /** Size of a head. */
    int headDim() {
        int dHead = keys.size("attention.key_length", width / heads);
        if (dHead < 1) throw keys.wrong("attention.key_length", "at least 1");
        if (keys.size("attention.value_length", dHead) != dHead) {
            throw keys.wrong("attention.value_length", dHead + ", as attention.key_length");
        }
        return dHead;
    }

    GgufFields sizes() {
        json.put("hidden_size", width)
                .put("intermediate_size", keys.size("feed_forward_length"))
                .put("num_hidden_layers", layers)
                .put("num_attention_heads", heads)
                .put("max_position_embeddings", keys.size("context_length"));
        return this;
    }

    /** Checks that the MLP is four times as wide as the stream, since Hugging Face has no field for another width. */
    GgufFields fourfold() {
        if (keys.size("feed_forward_length", 4 * width) != 4L * width) {
            throw keys.wrong("feed_forward_length", "4 * embedding_length, " + 4L * width);
        }
        return this;
    }

    /** Llama's fields: sizes, heads, RMSNorm's epsilon, RoPE. */
    GgufFields llama(String modelType) {
        return headed(modelType).rms().rope();
    }

    /** The same with LayerNorm, whose epsilon is in this field. */
    GgufFields layerNormed(String modelType, String epsilon) {
        return headed(modelType).layerNorm(epsilon).rope();
    }

    private GgufFields headed(String modelType) {
        type(modelType).sizes();
        json.put("num_key_value_heads", kvHeads).put("head_dim", headDim());
        return this;
    }

    GgufFields rms() {
        json.put("rms_norm_eps", keys.number("attention.layer_norm_rms_epsilon", 1e-6));
        return this;
    }

    GgufFields layerNorm(String field) {
        json.put(field, keys.number("attention.layer_norm_epsilon", 1e-5));
        return this;
    }

    GgufFields rope() {
        json.put("rope_theta", keys.number("rope.freq_base", 10_000));
        GgufRope.read(json, keys, file, headDim());
        return this;
    }

    /** attention_bias and mlp_bias, as in the first block. */
    GgufFields biases() {
        json.put("attention_bias", has("blk.0.attn_q.bias") || has("blk.0.attn_qkv.bias"))
                .put("mlp_bias", has("blk.0.ffn_up.bias"));
        return this;
    }

    /** The window of every layer, or null. */
    GgufFields window() {
        int window = keys.size("attention.sliding_window", 0);
        if (window > 0) json.put("sliding_window", window);
        else json.putNull("sliding_window");
        return this;
    }

    /** The window and the layers that have it: those that the file lists, or all except every {@code period}-th. */
    GgufFields windows(int period) {
        window();
        boolean[] listed = keys.flags("attention.sliding_window_pattern", layers);
        int every = listed == null ? keys.size("attention.sliding_window_pattern", period) : 0;
        ArrayNode types = json.putArray("layer_types");
        for (int i = 0; i < layers; i++) {
            boolean full = listed == null ? every > 0 && (i + 1) % every == 0 : !listed[i];
            types.add(full ? "full_attention" : "sliding_attention");
        }
        return this;
    }

    /** Granite's four factors. */
    GgufFields factors() {
        if (!keys.flag("rope.scaling.finetuned", true))
            throw keys.wrong("rope.scaling.finetuned", "true: Granite without RoPE is not read");
        return scales();
    }

    /** The same, with RoPE or without. */
    GgufFields scales() {
        json.put("attention_multiplier", keys.number("attention.scale", 1 / Math.sqrt(headDim())))
                .put("embedding_multiplier", keys.number("embedding_scale", 1))
                .put("residual_multiplier", keys.number("residual_scale", 1))
                .put("logits_scaling", keys.number("logit_scale", 1));
        return this;
    }

    /** The number of experts, in the given field, and the experts per token. */
    GgufFields experts(String count) {
        json.put(count, keys.size("expert_count")).put("num_experts_per_tok", keys.size("expert_used_count"));
        return this;
    }
}
