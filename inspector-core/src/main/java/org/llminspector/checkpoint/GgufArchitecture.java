package org.llminspector.checkpoint;

import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Consumer;

/**
 * Mapping of one architecture from llama.cpp's GGUF conversion back to Hugging Face: tensor names, layout changes, and
 * metadata keys. Source: llama.cpp's convert_hf_to_gguf.py and gguf-py's tensor_mapping.py.
 *
 * @param blockPrefix Hugging Face's prefix before a block's index
 * @param names llama.cpp's name, without {@code blk.N.} and suffix, to Hugging Face's, where {i} is the index on the
 *     first axis if Hugging Face has separate tensors; a key with a suffix maps that tensor exactly
 * @param biased names of tensors that may have a bias
 * @param layouts further layout changes
 * @param fields writes the config.json fields
 */
record GgufArchitecture(
        String blockPrefix,
        Map<String, String> names,
        Set<String> biased,
        Set<Layout> layouts,
        Consumer<GgufFields> fields) {

    /** Layout change that the converter applies to some tensors. */
    enum Layout {
        /** Rows of q and k are in RoPE pairs (2i, 2i + 1) instead of (i, i + half). */
        PERMUTED,
        /** 1 was added to the norms' weights. */
        NORM_PLUS_ONE,
        /** Hugging Face's matrices in a block are transposed (GPT-2's Conv1D). */
        CONV1D,
        /** Hugging Face interleaves q, k and v per group; the file has all q, all k, all v. */
        QKV_BY_GROUP,
        /** Value heads of delta nets are tiled over their key heads. */
        TILED_VALUES
    }

    /** Names of Llama's tensors, which most architectures change. */
    static final Map<String, String> LLAMA = Map.ofEntries(
            Map.entry("token_embd", "model.embed_tokens"),
            Map.entry("output_norm", "model.norm"),
            Map.entry("output", "lm_head"),
            Map.entry("attn_norm", "input_layernorm"),
            Map.entry("ffn_norm", "post_attention_layernorm"),
            Map.entry("attn_q", "self_attn.q_proj"),
            Map.entry("attn_k", "self_attn.k_proj"),
            Map.entry("attn_v", "self_attn.v_proj"),
            Map.entry("attn_output", "self_attn.o_proj"),
            Map.entry("ffn_gate", "mlp.gate_proj"),
            Map.entry("ffn_up", "mlp.up_proj"),
            Map.entry("ffn_down", "mlp.down_proj"));

    private static final List<String> QKV = List.of("attn_q", "attn_k", "attn_v");

    boolean has(Layout layout) {
        return layouts.contains(layout);
    }

    /** Hugging Face's name, with suffix, of a llama.cpp name; null where there is none. */
    String name(String name, String suffix) {
        String whole = names.get(name + suffix);
        if (whole != null) return whole;
        String to = names.get(name);
        return to == null || (suffix.equals(".bias") && !biased.contains(name)) ? null : to + suffix;
    }

    /** Whether a weight is stored without a suffix. */
    boolean bare(String name) {
        return names.getOrDefault(name, "").endsWith(".weight");
    }

    /** Whether the file may fuse q, k and v that are separate in Hugging Face's model. */
    boolean splitsQkv() {
        return !names.containsKey("attn_qkv") && names.keySet().containsAll(QKV);
    }

    /** Builder of an architecture's names. */
    record Names(String blockPrefix, Map<String, String> names, Set<String> biased) {

        Names(Map<String, String> names) {
            this("model.layers.", names, Set.of());
        }

        /** Adds or replaces names: alternately llama.cpp's and Hugging Face's. */
        Names and(String... pairs) {
            Map<String, String> more = new HashMap<>(names);
            for (int i = 0; i < pairs.length; i += 2) more.put(pairs[i], pairs[i + 1]);
            return new Names(blockPrefix, more, biased);
        }

        Names without(String... some) {
            Map<String, String> fewer = new HashMap<>(names);
            fewer.keySet().removeAll(Set.of(some));
            return new Names(blockPrefix, fewer, biased);
        }

        Names biased(String... some) {
            Set<String> more = new HashSet<>(biased);
            more.addAll(Set.of(some));
            return new Names(blockPrefix, names, more);
        }

        Names in(String prefix) {
            return new Names(prefix, names, biased);
        }

        GgufArchitecture with(Consumer<GgufFields> fields, Layout... layouts) {
            return new GgufArchitecture(blockPrefix, Map.copyOf(names), Set.copyOf(biased), Set.of(layouts), fields);
        }
    }
}
