package org.llminspector.checkpoint;

import static org.llminspector.checkpoint.GgufArchitecture.Layout.CONV1D;
import static org.llminspector.checkpoint.GgufArchitecture.Layout.NORM_PLUS_ONE;
import static org.llminspector.checkpoint.GgufArchitecture.Layout.PERMUTED;
import static org.llminspector.checkpoint.GgufArchitecture.Layout.QKV_BY_GROUP;

import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.llminspector.checkpoint.GgufArchitecture.Names;
import org.llminspector.checkpoint.gguf.GgufFile;

/** Supported GGUF architectures by llama.cpp's name. */
public final class GgufArchitectures {

    private static final Map<String, GgufArchitecture> ALL = new HashMap<>();

    /** Architectures by config.json's model_type, where the two names differ. */
    private static final Map<String, String> BY_TYPE = Map.ofEntries(
            Map.entry("mistral", "llama"),
            Map.entry("gemma3_text", "gemma3"),
            Map.entry("gemma3n_text", "gemma3n"),
            Map.entry("gemma4_text", "gemma4"),
            Map.entry("olmo3", "olmo2"),
            Map.entry("cohere", "command-r"),
            Map.entry("glm", "chatglm"),
            Map.entry("ministral3", "mistral3"),
            Map.entry("hunyuan_v1_dense", "hunyuan-dense"),
            Map.entry("phi", "phi2"),
            Map.entry("gpt_bigcode", "starcoder"),
            Map.entry("gpt_neox", "gptneox"),
            Map.entry("mixtral", "llama with experts"),
            Map.entry("qwen2_moe", "qwen2moe"),
            Map.entry("qwen3_moe", "qwen3moe"),
            Map.entry("granitemoeshared", "granitemoe"),
            Map.entry("gpt_oss", "gpt-oss"),
            Map.entry("glm4_moe", "glm4moe"),
            Map.entry("minimax_m2", "minimax-m2"),
            Map.entry("ernie4_5_moe", "ernie4_5-moe"),
            Map.entry("exaone_moe", "exaone-moe"),
            Map.entry("mimo_v2_flash", "mimo2"),
            Map.entry("hunyuan_v1_moe", "hunyuan-moe"),
            Map.entry("llama4_text", "llama4"),
            Map.entry("deepseek_v2", "deepseek2"),
            Map.entry("deepseek_v3", "deepseek2"),
            Map.entry("glm4_moe_lite", "deepseek2"),
            Map.entry("lfm2_moe", "lfm2moe"),
            Map.entry("falcon_mamba", "mamba"),
            Map.entry("falcon_h1", "falcon-h1"),
            Map.entry("bamba", "bamba in granitehybrid"),
            Map.entry("granitemoehybrid", "granitehybrid"),
            Map.entry("qwen3_next", "qwen3next"),
            Map.entry("qwen3_5_text", "qwen35"),
            Map.entry("qwen3_5_moe_text", "qwen35moe"),
            Map.entry("nemotron_h", "nemotron_h_moe"), // has all names of nemotron_h
            Map.entry("kimi_linear", "kimi-linear"));

    private GgufArchitectures() {}

    static {
        Names llama = new Names(GgufArchitecture.LLAMA);
        Names qkNorm = llama.and("attn_q_norm", "self_attn.q_norm", "attn_k_norm", "self_attn.k_norm");
        Names post = qkNorm.and(
                "post_attention_norm", "post_attention_layernorm", "post_ffw_norm", "post_feedforward_layernorm");
        Names sandwich = post.and("ffn_norm", "pre_feedforward_layernorm");
        Names postOnly = post.without("attn_norm", "ffn_norm");
        Names plainMlp = llama.without("ffn_gate");

        ALL.put(
                "llama",
                llama.biased("attn_q", "attn_k", "attn_v", "attn_output", "ffn_gate", "ffn_up", "ffn_down")
                        .with(GgufDense::llama, PERMUTED));
        ALL.put("qwen2", llama.biased("attn_q", "attn_k", "attn_v").with(GgufDense::qwen2));
        ALL.put("qwen3", qkNorm.with(GgufDense::qwen3));
        ALL.put("smollm3", llama.with(GgufDense::smolLm3, PERMUTED));
        ALL.put("gemma", llama.with(GgufDense::gemma, NORM_PLUS_ONE));
        ALL.put("gemma2", sandwich.with(GgufDense::gemma2, NORM_PLUS_ONE));
        ALL.put("gemma3", sandwich.with(GgufDense::gemma3, NORM_PLUS_ONE));
        ALL.put("gemma3n", gemma3n(inputs(sandwich)).with(GgufDense::gemma3n));
        ALL.put(
                "gemma4",
                inputs(sandwich)
                        .and(
                                "layer_output_scale.weight",
                                "layer_scalar",
                                "pre_ffw_norm_2",
                                "pre_feedforward_layernorm_2")
                        .and("post_ffw_norm_1", "post_feedforward_layernorm_1")
                        .and("post_ffw_norm_2", "post_feedforward_layernorm_2", "ffn_gate_inp", "router.proj")
                        .and("ffn_gate_inp.scale", "router.scale", "ffn_down_exps.scale", "router.per_expert_scale")
                        .and("ffn_gate_up_exps.weight", "experts.gate_up_proj")
                        .and("ffn_down_exps.weight", "experts.down_proj")
                        .with(GgufDense::gemma4));
        ALL.put("olmo2", postOnly.with(GgufDense::olmo2));
        ALL.put("exaone4", postOnly.with(GgufDense::exaone4));
        ALL.put(
                "phi3",
                llama.without("attn_q", "attn_k", "attn_v", "ffn_gate")
                        .and("attn_qkv", "self_attn.qkv_proj", "ffn_up", "mlp.gate_up_proj")
                        .with(GgufDense::phi3));
        ALL.put("olmo", llama.without("attn_norm", "ffn_norm", "output_norm").with(GgufDense::olmo, PERMUTED));
        ALL.put(
                "granite",
                llama.biased("attn_q", "attn_k", "attn_v", "attn_output", "ffn_gate", "ffn_up", "ffn_down")
                        .with(GgufDense::granite, PERMUTED));
        ALL.put(
                "command-r",
                qkNorm.without("ffn_norm")
                        .biased("attn_q", "attn_k", "attn_v", "attn_output")
                        .with(GgufDense::cohere));
        ALL.put("cohere2", llama.without("ffn_norm").with(GgufDense::cohere2));
        ALL.put(
                "ernie4_5",
                llama.biased("attn_q", "attn_k", "attn_v", "attn_output", "ffn_gate", "ffn_up", "ffn_down")
                        .with(GgufDense::ernie45));
        ALL.put(
                "glm4",
                llama.without("ffn_gate")
                        .and("post_attention_norm", "post_self_attn_layernorm", "post_ffw_norm", "post_mlp_layernorm")
                        .and("ffn_up", "mlp.gate_up_proj")
                        .biased("attn_q", "attn_k", "attn_v")
                        .with(GgufDense::glm4));
        ALL.put(
                "chatglm",
                llama.without("ffn_gate")
                        .and("ffn_up", "mlp.gate_up_proj")
                        .biased("attn_q", "attn_k", "attn_v")
                        .with(GgufDense::glm));
        ALL.put("mistral3", llama.with(GgufDense::ministral, PERMUTED));
        ALL.put(
                "arcee",
                plainMlp.biased("attn_q", "attn_k", "attn_v", "attn_output", "ffn_up", "ffn_down")
                        .with(GgufDense::arcee, PERMUTED));
        ALL.put(
                "seed_oss",
                llama.without("ffn_norm")
                        .and("post_attention_norm", "post_attention_layernorm")
                        .biased("attn_q", "attn_k", "attn_v", "attn_output", "ffn_gate", "ffn_up", "ffn_down")
                        .with(GgufDense::seedOss));
        ALL.put(
                "hunyuan-dense",
                llama.and("attn_q_norm", "self_attn.query_layernorm", "attn_k_norm", "self_attn.key_layernorm")
                        .biased("attn_q", "attn_k", "attn_v", "attn_output", "ffn_gate", "ffn_up", "ffn_down")
                        .with(GgufDense::hunYuan));
        ALL.put(
                "stablelm",
                llama.and(
                                "attn_q_norm",
                                "self_attn.q_layernorm.norms.{i}",
                                "attn_k_norm",
                                "self_attn.k_layernorm.norms.{i}")
                        .biased("output_norm", "attn_norm", "ffn_norm", "attn_q", "attn_k", "attn_v")
                        .with(GgufDense::stableLm));
        ALL.put(
                "nemotron",
                plainMlp.biased("output_norm", "attn_norm", "ffn_norm", "attn_q", "attn_k", "attn_v", "attn_output")
                        .biased("ffn_up", "ffn_down")
                        .with(GgufDense::nemotron, NORM_PLUS_ONE));
        ALL.put(
                "starcoder2",
                plainMlp.and("ffn_up", "mlp.c_fc", "ffn_down", "mlp.c_proj")
                        .biased("output_norm", "attn_norm", "ffn_norm", "attn_q", "attn_k", "attn_v", "attn_output")
                        .biased("ffn_up", "ffn_down")
                        .with(GgufDense::starCoder2));
        ALL.put(
                "phi2",
                plainMlp.without("ffn_norm")
                        .and("output_norm", "model.final_layernorm", "attn_output", "self_attn.dense")
                        .and("ffn_up", "mlp.fc1", "ffn_down", "mlp.fc2")
                        .biased("output", "output_norm", "attn_norm", "attn_q", "attn_k", "attn_v", "attn_output")
                        .biased("ffn_up", "ffn_down")
                        .with(GgufDense::phi));
        ALL.put(
                "apertus",
                qkNorm.without("ffn_gate")
                        .and("attn_norm", "attention_layernorm", "ffn_norm", "feedforward_layernorm")
                        .biased("attn_q", "attn_k", "attn_v", "attn_output")
                        .with(GgufDense::apertus));

        ALL.put("gpt2", gpt2().with(GgufDense::gpt2, CONV1D));
        ALL.put("starcoder", gpt2().with(GgufDense::gptBigCode));
        ALL.put(
                "gptneox",
                new Names(Map.of("token_embd", "gpt_neox.embed_in", "output_norm", "gpt_neox.final_layer_norm"))
                        .in("gpt_neox.layers.")
                        .and(
                                "output",
                                "embed_out",
                                "attn_norm",
                                "input_layernorm",
                                "ffn_norm",
                                "post_attention_layernorm")
                        .and("attn_qkv", "attention.query_key_value", "attn_output", "attention.dense")
                        .and("ffn_up", "mlp.dense_h_to_4h", "ffn_down", "mlp.dense_4h_to_h")
                        .biased("output_norm", "attn_norm", "attn_qkv", "attn_output", "ffn_norm", "ffn_up", "ffn_down")
                        .with(GgufDense::gptNeoX, QKV_BY_GROUP));
        Names bloom = new Names(Map.of("token_embd", "transformer.word_embeddings", "output_norm", "transformer.ln_f"))
                .in("transformer.h.")
                .and("output", "lm_head", "attn_norm", "input_layernorm")
                .and("attn_qkv", "self_attention.query_key_value", "attn_output", "self_attention.dense")
                .and("ffn_up", "mlp.dense_h_to_4h", "ffn_down", "mlp.dense_4h_to_h");
        ALL.put(
                "bloom",
                bloom.and(
                                "token_embd_norm",
                                "transformer.word_embeddings_layernorm",
                                "ffn_norm",
                                "post_attention_layernorm")
                        .biased("token_embd_norm", "output_norm", "attn_norm", "attn_qkv", "attn_output", "ffn_norm")
                        .biased("ffn_up", "ffn_down")
                        .with(GgufDense::bloom, QKV_BY_GROUP));
        ALL.put("falcon", bloom.biased("output_norm", "attn_norm").with(GgufDense::falcon, QKV_BY_GROUP));
        ALL.put(
                "falcon with two norms",
                bloom.and("attn_norm", "ln_mlp", "attn_norm_2", "ln_attn")
                        .biased("output_norm", "attn_norm", "attn_norm_2")
                        .with(GgufDense::falcon, QKV_BY_GROUP));
        ALL.put(
                "mpt",
                new Names(Map.of(
                                "token_embd",
                                "transformer.wte",
                                "output_norm",
                                "transformer.norm_f",
                                "output",
                                "lm_head"))
                        .in("transformer.blocks.")
                        .and("attn_norm", "norm_1", "attn_qkv", "attn.Wqkv", "attn_output", "attn.out_proj")
                        .and("ffn_norm", "norm_2", "ffn_up", "ffn.up_proj", "ffn_down", "ffn.down_proj")
                        .with(GgufDense::mpt));

        GgufMixtures.put(ALL);
        GgufRecurrent.put(ALL);
    }

    /** Per-layer embeddings. */
    private static Names inputs(Names names) {
        return names.and("per_layer_token_embd", "model.embed_tokens_per_layer")
                .and("per_layer_model_proj", "model.per_layer_model_projection")
                .and("per_layer_proj_norm", "model.per_layer_projection_norm")
                .and("inp_gate", "per_layer_input_gate", "proj", "per_layer_projection")
                .and("post_norm", "post_per_layer_input_norm");
    }

    private static Names gemma3n(Names names) {
        return names.and("altup_proj", "model.altup_projections.{i}")
                .and("altup_unembd_proj", "model.altup_unembed_projections.{i}")
                .and("altup_correct_scale.weight", "altup.correct_output_scale")
                .and("altup_correct_coef", "altup.correction_coefs", "altup_predict_coef", "altup.prediction_coefs")
                .and("altup_router", "altup.modality_router", "altup_router_norm", "altup.router_norm")
                .and("laurel_l", "laurel.linear_left", "laurel_r", "laurel.linear_right")
                .and("laurel_post_norm", "laurel.post_laurel_norm");
    }

    private static Names gpt2() {
        return new Names(Map.of("token_embd", "transformer.wte", "position_embd", "transformer.wpe"))
                .in("transformer.h.")
                .and("output_norm", "transformer.ln_f", "output", "lm_head", "attn_norm", "ln_1", "ffn_norm", "ln_2")
                .and("attn_qkv", "attn.c_attn", "attn_output", "attn.c_proj")
                .and("ffn_up", "mlp.c_fc", "ffn_down", "mlp.c_proj")
                .biased("output_norm", "attn_norm", "attn_qkv", "attn_output", "ffn_norm", "ffn_up", "ffn_down");
    }

    /** The architecture of a {@code general.architecture} name, or null. */
    static GgufArchitecture of(String name, GgufFile file) {
        if (name.equals("falcon") && file.tensors().containsKey("blk.0.attn_norm_2.weight"))
            return ALL.get("falcon with two norms");
        if (name.equals("llama") && file.metadata().size("llama.expert_count", 0) > 0)
            return ALL.get("llama with experts");
        if (name.equals("granitehybrid") && GgufRecurrent.isBamba(file.metadata()))
            return ALL.get("bamba in granitehybrid");
        return ALL.get(name);
    }

    /** The architecture of config.json's model_type, or null. */
    static GgufArchitecture ofType(String modelType) {
        return ALL.get(BY_TYPE.getOrDefault(modelType, modelType));
    }

    /** Whether llama.cpp has models of this model_type, as far as is known here. */
    public static boolean has(String modelType) {
        return ofType(modelType) != null;
    }

    /**
     * llama.cpp's name of a tensor, {@code blk.0.attn_q.weight}; null where it has none. Experts that are apart in Hugging
     * Face's model share one.
     *
     * @param modelType config.json's, of a family that it {@link #has}
     * @param tensor Hugging Face's name
     */
    public static String tensor(String modelType, String tensor) {
        GgufArchitecture a = ofType(modelType);
        int prefix = tensor.indexOf(a.blockPrefix());
        int from = prefix + a.blockPrefix().length();
        int dot = prefix < 0 ? -1 : tensor.indexOf('.', from);
        String block = dot < 0 ? "" : "blk." + tensor.substring(from, dot) + ".";
        String part = dot < 0 ? tensor : tensor.substring(dot + 1);
        String stem = part.replaceFirst("\\.(weight|bias)$", "");
        String suffix = part.substring(stem.length());
        return a.names().entrySet().stream()
                .filter(e -> part.equals(e.getValue()) || sameBut(e.getValue(), stem))
                .map(e -> block + e.getKey() + (e.getKey().matches(".*[.](weight|bias|scale)") ? "" : suffix))
                .min(Comparator.naturalOrder())
                .orElse(null);
    }

    /** Whether the name is that of the pattern, with a number for {@code {i}}. */
    private static boolean sameBut(String pattern, String name) {
        int i = pattern.indexOf("{i}");
        if (i < 0) return pattern.equals(name);
        int end = name.length() - (pattern.length() - i - 3);
        return end > i
                && name.startsWith(pattern.substring(0, i))
                && name.endsWith(pattern.substring(i + 3))
                && name.substring(i, end).chars().allMatch(Character::isDigit);
    }

    /** llama.cpp's names, without the internal variants. */
    static List<String> all() {
        return ALL.keySet().stream().filter(n -> !n.contains(" ")).sorted().toList();
    }
}
