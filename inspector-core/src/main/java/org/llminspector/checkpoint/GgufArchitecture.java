package org.llminspector.checkpoint;

import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Consumer;

/**
 * GgufArchitecture is how llama.cpp's converter lays out one architecture: its names for Hugging Face's tensors, what it did to
 * them, and what its keys mean. Source: llama.cpp's convert_hf_to_gguf.py and gguf-py's tensor_mapping.py.
 *
 * @param blockPrefix what Hugging Face puts before a block's number
 * @param names llama.cpp's name, without {@code blk.N.} and suffix, to Hugging Face's, in which {i} numbers the parts along the
 *     first axis that are tensors of their own; a name with its suffix is one to the last letter
 * @param biased names that may have a bias
 * @param layouts what else was done
 * @param fields writes config.json
 */
record GgufArchitecture(
        String blockPrefix,
        Map<String, String> names,
        Set<String> biased,
        Set<Layout> layouts,
        Consumer<GgufFields> fields) {

    /** Layout is what the converter did to some of the tensors. */
    enum Layout {
        /** Rows of q and k go in pairs (2i, 2i + 1) and not (i, i + half). */
        PERMUTED,
        /** 1 was added to the norms' weights. */
        NORM_PLUS_ONE,
        /** Hugging Face's matrices in a block are the other way round (GPT-2's Conv1D). */
        CONV1D,
        /** Hugging Face fuses q, k and v group by group, and the file has one after the other. */
        QKV_BY_GROUP
    }

    private static final List<String> QKV = List.of("attn_q", "attn_k", "attn_v");

    boolean has(Layout layout) {
        return layouts.contains(layout);
    }

    /** Hugging Face's name, suffix included, of what llama.cpp calls so; null where it has none. */
    String name(String name, String suffix) {
        String whole = names.get(name + suffix);
        if (whole != null) return whole;
        String to = names.get(name);
        return to == null || (suffix.equals(".bias") && !biased.contains(name)) ? null : to + suffix;
    }

    /** Whether the file may have q, k and v in one tensor that are three in Hugging Face's. */
    boolean splitsQkv() {
        return !names.containsKey("attn_qkv") && names.keySet().containsAll(QKV);
    }

    /** Names are an architecture's while it is put together. */
    record Names(String blockPrefix, Map<String, String> names, Set<String> biased) {

        Names(Map<String, String> names) {
            this("model.layers.", names, Set.of());
        }

        /** Adds names, or changes them: llama.cpp's and Hugging Face's in turns. */
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
