package org.llminspector.checkpoint;

import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * GgufArchitecture is how llama.cpp's converter lays out one architecture: its names for Hugging Face's tensors, and
 * what it did to them. Source: llama.cpp's convert_hf_to_gguf.py and gguf-py's tensor_mapping.py.
 *
 * @param modelType Hugging Face's {@code model_type}
 * @param blockPrefix what Hugging Face puts before a block's number
 * @param names llama.cpp's name, without {@code blk.N.} and suffix, to Hugging Face's
 * @param biased names that may have a bias
 * @param permuted whether rows of q and k go in pairs (2i, 2i + 1) and not (i, i + half)
 * @param normPlusOne whether 1 was added to the norms' weights
 * @param transposed names whose matrix is the other way round (GPT-2's Conv1D)
 * @param qkvByHead whether Hugging Face fuses q, k and v head by head, and the file one after the other
 */
record GgufArchitecture(
        String modelType,
        String blockPrefix,
        Map<String, String> names,
        Set<String> biased,
        boolean permuted,
        boolean normPlusOne,
        Set<String> transposed,
        boolean qkvByHead) {

    private static final Set<String> QKV = Set.of("attn_q", "attn_k", "attn_v");

    private static final Map<String, GgufArchitecture> ALL = Map.of(
            "llama",
            llama("llama", true, "attn_q", "attn_k", "attn_v", "attn_output", "ffn_gate", "ffn_up", "ffn_down"),
            "qwen2",
            llama("qwen2", false, "attn_q", "attn_k", "attn_v"),
            "qwen3",
            llama("qwen3", false),
            "smollm3",
            llama("smollm3", true),
            "gemma2",
            sandwich("gemma2", true),
            "gemma3",
            sandwich("gemma3_text", true),
            "olmo2",
            olmo2(),
            "phi3",
            phi3(),
            "gpt2",
            gpt2(),
            "gptneox",
            gptNeoX());

    /** The architecture of {@code general.architecture}, or null. */
    static GgufArchitecture of(String name) {
        return ALL.get(name);
    }

    static List<String> all() {
        return ALL.keySet().stream().sorted().toList();
    }

    private static Map<String, String> llamaNames() {
        Map<String, String> names = new HashMap<>();
        names.put("token_embd", "model.embed_tokens");
        names.put("output_norm", "model.norm");
        names.put("output", "lm_head");
        names.put("attn_norm", "input_layernorm");
        names.put("ffn_norm", "post_attention_layernorm");
        names.put("attn_q", "self_attn.q_proj");
        names.put("attn_k", "self_attn.k_proj");
        names.put("attn_v", "self_attn.v_proj");
        names.put("attn_output", "self_attn.o_proj");
        names.put("attn_q_norm", "self_attn.q_norm");
        names.put("attn_k_norm", "self_attn.k_norm");
        names.put("ffn_gate", "mlp.gate_proj");
        names.put("ffn_up", "mlp.up_proj");
        names.put("ffn_down", "mlp.down_proj");
        return names;
    }

    private static GgufArchitecture likeLlama(
            String modelType, Map<String, String> names, Set<String> biased, boolean permuted, boolean plusOne) {
        return new GgufArchitecture(
                modelType, "model.layers.", Map.copyOf(names), biased, permuted, plusOne, Set.of(), false);
    }

    private static GgufArchitecture llama(String modelType, boolean permuted, String... biased) {
        Map<String, String> names = llamaNames();
        if (!modelType.equals("qwen3")) {
            names.remove("attn_q_norm");
            names.remove("attn_k_norm");
        }
        return likeLlama(modelType, names, Set.of(biased), permuted, false);
    }

    /** Norms before and after attention and MLP. */
    private static GgufArchitecture sandwich(String modelType, boolean plusOne) {
        Map<String, String> names = llamaNames();
        names.put("post_attention_norm", "post_attention_layernorm");
        names.put("ffn_norm", "pre_feedforward_layernorm");
        names.put("post_ffw_norm", "post_feedforward_layernorm");
        return likeLlama(modelType, names, Set.of(), false, plusOne);
    }

    private static GgufArchitecture olmo2() {
        Map<String, String> names = llamaNames();
        names.remove("attn_norm");
        names.remove("ffn_norm");
        names.put("post_attention_norm", "post_attention_layernorm");
        names.put("post_ffw_norm", "post_feedforward_layernorm");
        return likeLlama("olmo2", names, Set.of(), false, false);
    }

    private static GgufArchitecture phi3() {
        Map<String, String> names = llamaNames();
        names.keySet().removeAll(QKV);
        names.keySet().removeAll(Set.of("attn_q_norm", "attn_k_norm", "ffn_gate"));
        names.put("attn_qkv", "self_attn.qkv_proj");
        names.put("ffn_up", "mlp.gate_up_proj");
        return likeLlama("phi3", names, Set.of(), false, false);
    }

    private static GgufArchitecture gpt2() {
        Map<String, String> names = Map.ofEntries(
                Map.entry("token_embd", "transformer.wte"),
                Map.entry("position_embd", "transformer.wpe"),
                Map.entry("output_norm", "transformer.ln_f"),
                Map.entry("output", "lm_head"),
                Map.entry("attn_norm", "ln_1"),
                Map.entry("attn_qkv", "attn.c_attn"),
                Map.entry("attn_output", "attn.c_proj"),
                Map.entry("ffn_norm", "ln_2"),
                Map.entry("ffn_up", "mlp.c_fc"),
                Map.entry("ffn_down", "mlp.c_proj"));
        return new GgufArchitecture(
                "gpt2",
                "transformer.h.",
                names,
                Set.of("output_norm", "attn_norm", "attn_qkv", "attn_output", "ffn_norm", "ffn_up", "ffn_down"),
                false,
                false,
                Set.of("attn_qkv", "attn_output", "ffn_up", "ffn_down"),
                false);
    }

    private static GgufArchitecture gptNeoX() {
        Map<String, String> names = Map.of(
                "token_embd", "gpt_neox.embed_in",
                "output_norm", "gpt_neox.final_layer_norm",
                "output", "embed_out",
                "attn_norm", "input_layernorm",
                "attn_qkv", "attention.query_key_value",
                "attn_output", "attention.dense",
                "ffn_norm", "post_attention_layernorm",
                "ffn_up", "mlp.dense_h_to_4h",
                "ffn_down", "mlp.dense_4h_to_h");
        return new GgufArchitecture(
                "gpt_neox",
                "gpt_neox.layers.",
                names,
                Set.of("output_norm", "attn_norm", "attn_qkv", "attn_output", "ffn_norm", "ffn_up", "ffn_down"),
                false,
                false,
                Set.of(),
                true);
    }
}
