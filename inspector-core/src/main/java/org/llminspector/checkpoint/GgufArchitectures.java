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

    private static final Map<String, String> LLAMA = Map.ofEntries(
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

    private static final Map<String, GgufArchitecture> ALL = new HashMap<>();

    private GgufArchitectures() {}

    static {
        Names llama = new Names(LLAMA);
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

        ALL.put("lfm2", lfm2().with(GgufDense::lfm2));

        Names noMlp = llama.without("ffn_gate", "ffn_up", "ffn_down");
        ALL.put(
                "llama with experts",
                noMlp.and("ffn_gate_inp", "block_sparse_moe.gate")
                        .and("ffn_gate_exps", "block_sparse_moe.experts.{i}.w1")
                        .and("ffn_up_exps", "block_sparse_moe.experts.{i}.w3")
                        .and("ffn_down_exps", "block_sparse_moe.experts.{i}.w2")
                        .with(GgufMixtures::mixtral, PERMUTED));
        Names experts = noMlp.and("ffn_gate_inp", "mlp.gate", "ffn_gate_exps", "mlp.experts.{i}.gate_proj")
                .and("ffn_up_exps", "mlp.experts.{i}.up_proj", "ffn_down_exps", "mlp.experts.{i}.down_proj");
        Names qkNormExperts = experts.and("attn_q_norm", "self_attn.q_norm", "attn_k_norm", "self_attn.k_norm");
        ALL.put("qwen3moe", qkNormExperts.with(GgufMixtures::qwen3));
        ALL.put("olmoe", qkNormExperts.with(GgufMixtures::olmo));
        ALL.put(
                "granitemoe",
                experts.biased("attn_q", "attn_k", "attn_v", "attn_output").with(GgufMixtures::granite, PERMUTED));
        ALL.put(
                "qwen2moe",
                experts.and(
                                "ffn_gate_inp_shexp",
                                "mlp.shared_expert_gate",
                                "ffn_gate_shexp",
                                "mlp.shared_expert.gate_proj")
                        .and(
                                "ffn_up_shexp",
                                "mlp.shared_expert.up_proj",
                                "ffn_down_shexp",
                                "mlp.shared_expert.down_proj")
                        .biased("attn_q", "attn_k", "attn_v")
                        .with(GgufMixtures::qwen2));
        ALL.put(
                "gpt-oss",
                experts.without("ffn_norm")
                        .and("post_attention_norm", "post_attention_layernorm", "ffn_gate_inp", "mlp.router")
                        .and("attn_sinks.weight", "self_attn.sinks")
                        .biased("attn_q", "attn_k", "attn_v", "attn_output")
                        .biased("ffn_gate_inp", "ffn_gate_exps", "ffn_up_exps", "ffn_down_exps")
                        .with(GgufMixtures::gptOss));
        Names shared = experts.and("ffn_gate", "mlp.gate_proj", "ffn_up", "mlp.up_proj", "ffn_down", "mlp.down_proj")
                .and("ffn_gate_shexp", "mlp.shared_experts.gate_proj", "ffn_up_shexp", "mlp.shared_experts.up_proj")
                .and("ffn_down_shexp", "mlp.shared_experts.down_proj")
                .and("attn_q_norm", "self_attn.q_norm", "attn_k_norm", "self_attn.k_norm");
        Names chosen = shared.and("exp_probs_b.bias", "mlp.gate.e_score_correction_bias")
                .biased("attn_q", "attn_k", "attn_v", "attn_output");
        ALL.put(
                "glm4moe",
                chosen.without("ffn_norm")
                        .and("post_attention_norm", "post_attention_layernorm")
                        .with(GgufMixtures::glm4));
        ALL.put("dots1", chosen.with(GgufMixtures::dots));
        ALL.put(
                "minimax-m2",
                noMlp.and("ffn_gate_inp", "block_sparse_moe.gate")
                        .and("ffn_gate_exps", "block_sparse_moe.experts.{i}.w1")
                        .and("ffn_up_exps", "block_sparse_moe.experts.{i}.w3")
                        .and("ffn_down_exps", "block_sparse_moe.experts.{i}.w2")
                        .and("exp_probs_b.bias", "block_sparse_moe.e_score_correction_bias")
                        .and("attn_q_norm", "self_attn.q_norm", "attn_k_norm", "self_attn.k_norm")
                        .with(GgufMixtures::miniMax));
        ALL.put(
                "ernie4_5-moe",
                shared.and("exp_probs_b.bias", "mlp.e_score_correction_bias").with(GgufMixtures::ernie45));
        ALL.put(
                "deepseek2",
                experts.without("attn_k", "attn_v")
                        .and("ffn_gate", "mlp.gate_proj", "ffn_up", "mlp.up_proj", "ffn_down", "mlp.down_proj")
                        .and("attn_q_a", "self_attn.q_a_proj", "attn_q_a_norm", "self_attn.q_a_layernorm")
                        .and("attn_q_b", "self_attn.q_b_proj", "attn_kv_a_mqa", "self_attn.kv_a_proj_with_mqa")
                        .and("attn_kv_a_norm", "self_attn.kv_a_layernorm", "attn_kv_b", "self_attn.kv_b_proj")
                        .and("attn_k_b", "self_attn.k_b_proj", "attn_v_b", "self_attn.v_b_proj")
                        .and(
                                "ffn_gate_shexp",
                                "mlp.shared_experts.gate_proj",
                                "ffn_up_shexp",
                                "mlp.shared_experts.up_proj")
                        .and("ffn_down_shexp", "mlp.shared_experts.down_proj")
                        .and("exp_probs_b.bias", "mlp.gate.e_score_correction_bias")
                        .with(GgufMixtures::deepSeek));
    }

    static {
        Names alone = recurrent(
                new Names(Map.of("token_embd", "backbone.embeddings", "output_norm", "backbone.norm_f"))
                        .in("backbone.layers.")
                        .and("output", "lm_head", "attn_norm", "norm"),
                "mixer.");
        ALL.put("mamba", selective(alone, "mixer.").with(GgufRecurrent::mamba));
        ALL.put("mamba2", alone.with(GgufRecurrent::mamba2));
        Names llama = recurrent(new Names(LLAMA), "mamba.");
        Names forward = llama.and("output_norm", "model.final_layernorm", "ffn_norm", "pre_ff_layernorm")
                .and("ffn_gate", "feed_forward.gate_proj", "ffn_up", "feed_forward.up_proj")
                .and("ffn_down", "feed_forward.down_proj");
        ALL.put(
                "falcon-h1",
                forward.biased("attn_q", "attn_k", "attn_v", "attn_output", "ffn_gate", "ffn_up", "ffn_down")
                        .with(GgufRecurrent::falconH1));
        ALL.put(
                "jamba",
                selective(forward, "mamba.")
                        .and("ffn_gate_inp", "feed_forward.router")
                        .and("ffn_gate_exps", "feed_forward.experts.{i}.gate_proj")
                        .and("ffn_up_exps", "feed_forward.experts.{i}.up_proj")
                        .and("ffn_down_exps", "feed_forward.experts.{i}.down_proj")
                        .with(GgufRecurrent::jamba));
        ALL.put(
                "granitehybrid",
                llama.and("ffn_gate_inp", "mlp.gate", "ffn_gate_exps", "mlp.experts.{i}.gate_proj")
                        .and("ffn_up_exps", "mlp.experts.{i}.up_proj", "ffn_down_exps", "mlp.experts.{i}.down_proj")
                        .and("ffn_gate_shexp", "mlp.shared_expert.gate_proj")
                        .and("ffn_up_shexp", "mlp.shared_expert.up_proj")
                        .and("ffn_down_shexp", "mlp.shared_expert.down_proj")
                        .biased("attn_q", "attn_k", "attn_v", "attn_output")
                        .with(GgufRecurrent::granite, PERMUTED));
        ALL.put(
                "qwen3next",
                recurrent(new Names(LLAMA), "linear_attn.")
                        .without("ffn_norm", "ffn_gate", "ffn_up", "ffn_down", "ssm_in", "ssm_d")
                        .and("post_attention_norm", "post_attention_layernorm")
                        .and("attn_q_norm", "self_attn.q_norm", "attn_k_norm", "self_attn.k_norm")
                        .and("attn_qkv", "linear_attn.in_proj_qkv", "attn_gate", "linear_attn.in_proj_z")
                        .and("ssm_ba", "linear_attn.in_proj_ba")
                        .and("ffn_gate_inp", "mlp.gate", "ffn_gate_exps", "mlp.experts.{i}.gate_proj")
                        .and("ffn_up_exps", "mlp.experts.{i}.up_proj", "ffn_down_exps", "mlp.experts.{i}.down_proj")
                        .and("ffn_gate_inp_shexp", "mlp.shared_expert_gate")
                        .and("ffn_gate_shexp", "mlp.shared_expert.gate_proj")
                        .and("ffn_up_shexp", "mlp.shared_expert.up_proj")
                        .and("ffn_down_shexp", "mlp.shared_expert.down_proj")
                        .with(GgufRecurrent::qwen3, NORM_PLUS_ONE));
        ALL.put(
                "lfm2moe",
                lfm2().and("ffn_gate_inp", "feed_forward.gate", "ffn_gate_exps", "feed_forward.experts.{i}.w1")
                        .and("ffn_up_exps", "feed_forward.experts.{i}.w3")
                        .and("ffn_down_exps", "feed_forward.experts.{i}.w2")
                        .and("exp_probs_b.bias", "feed_forward.expert_bias")
                        .with(GgufRecurrent::lfm2));
    }

    /** Names of Mamba 2's tensors, of which Mamba has some; the prefix ends with a dot. */
    private static Names recurrent(Names names, String mixer) {
        return names.and("ssm_in", mixer + "in_proj", "ssm_conv1d", mixer + "conv1d", "ssm_a", mixer + "A_log")
                .and("ssm_d", mixer + "D", "ssm_dt.bias", mixer + "dt_bias", "ssm_norm", mixer + "norm")
                .and("ssm_out", mixer + "out_proj")
                .biased("ssm_in", "ssm_conv1d", "ssm_out");
    }

    /** Mamba's in their place. */
    private static Names selective(Names names, String mixer) {
        return names.without("ssm_dt.bias", "ssm_norm")
                .and("ssm_x", mixer + "x_proj", "ssm_dt", mixer + "dt_proj")
                .and("ssm_dt_norm", mixer + "dt_layernorm", "ssm_b_norm", mixer + "b_layernorm")
                .and("ssm_c_norm", mixer + "c_layernorm")
                .biased("ssm_dt");
    }

    private static Names lfm2() {
        return new Names(LLAMA)
                .without("output_norm")
                .and("token_embd_norm", "model.embedding_norm", "attn_norm", "operator_norm")
                .and("ffn_norm", "ffn_norm", "attn_output", "self_attn.out_proj")
                .and("attn_q_norm", "self_attn.q_layernorm", "attn_k_norm", "self_attn.k_layernorm")
                .and("ffn_gate", "feed_forward.w1", "ffn_up", "feed_forward.w3", "ffn_down", "feed_forward.w2")
                .and("shortconv.conv", "conv.conv", "shortconv.in_proj", "conv.in_proj")
                .and("shortconv.out_proj", "conv.out_proj");
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
        return ALL.get(name);
    }

    /** llama.cpp's names, without the internal variants. */
    static List<String> all() {
        return ALL.keySet().stream().filter(n -> !n.contains(" ")).sorted().toList();
    }
}
