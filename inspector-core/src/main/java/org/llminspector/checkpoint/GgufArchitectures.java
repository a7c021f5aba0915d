package org.llminspector.checkpoint;

import static org.llminspector.checkpoint.GgufArchitecture.Layout.CONV1D;
import static org.llminspector.checkpoint.GgufArchitecture.Layout.NORM_PLUS_ONE;
import static org.llminspector.checkpoint.GgufArchitecture.Layout.PERMUTED;
import static org.llminspector.checkpoint.GgufArchitecture.Layout.QKV_BY_GROUP;

import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.llminspector.checkpoint.GgufArchitecture.Names;
import org.llminspector.checkpoint.gguf.GgufFile;

/** Supported GGUF architectures by llama.cpp's name. */
final class GgufArchitectures {

    private static final Map<String, GgufArchitecture> ALL = new HashMap<>();

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

    /** llama.cpp's names, without the internal variants. */
    static List<String> all() {
        return ALL.keySet().stream().filter(n -> !n.contains(" ")).sorted().toList();
    }
}
