package org.llminspector.checkpoint;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.JsonNode;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.llminspector.base.Problem;
import org.llminspector.base.Tensor;
import org.llminspector.checkpoint.gguf.RawGguf;
import org.llminspector.golden.GgufGolden;

/** What a GGUF file's keys and tensors become, and what refuses to load. */
class GgufWeightsTest {

    @TempDir
    Path temp;

    private static RawGguf model(String architecture) {
        RawGguf raw = new RawGguf().put("general.architecture", architecture);
        raw.put(architecture + ".block_count", 2)
                .put(architecture + ".embedding_length", 8)
                .put(architecture + ".feed_forward_length", 16)
                .put(architecture + ".context_length", 8192)
                .put(architecture + ".attention.head_count", 2);
        raw.tensor("token_embd.weight", 0, 0, 8, 4);
        raw.data = new byte[4 * 8 * 4 + 512];
        return raw;
    }

    private JsonNode config(RawGguf raw) {
        try (Checkpoint c = Checkpoint.open(raw.write(temp.resolve("x.gguf")))) {
            return c.config();
        }
    }

    private Problem refused(RawGguf raw) {
        Problem p = catchThrowableOfType(Problem.class, () -> config(raw));
        assertThat(p).isNotNull();
        assertThat(p.where()).contains("x.gguf");
        return p;
    }

    @Test
    void llama() {
        JsonNode c = config(model("llama")
                .put("llama.attention.head_count_kv", new int[] {1, 1})
                .put("llama.attention.layer_norm_rms_epsilon", 1e-5f)
                .put("llama.rope.freq_base", 500_000f)
                .put("llama.attention.value_length", 4)
                .put("llama.vocab_size", 4));
        assertThat(c.get("model_type").asText()).isEqualTo("llama");
        assertThat(c.get("num_key_value_heads").asInt()).isEqualTo(1);
        assertThat(c.get("head_dim").asInt()).isEqualTo(4);
        assertThat(c.get("rms_norm_eps").asDouble()).isEqualTo(1e-5);
        assertThat(c.get("tie_word_embeddings").asBoolean()).isTrue();
        assertThat(c.has("rope_scaling")).isFalse();
        assertThat(config(model("llama").put("llama.attention.sliding_window", 4))
                        .get("model_type")
                        .asText())
                .isEqualTo("mistral");
    }

    @Test
    void ropeScaling() {
        JsonNode linear = config(
                        model("llama").put("llama.rope.scaling.type", "linear").put("llama.rope.scaling.factor", 4f))
                .get("rope_scaling");
        assertThat(linear.toString()).isEqualTo("{\"rope_type\":\"linear\",\"factor\":4.0}");
        JsonNode yarn = config(model("qwen2")
                        .put("qwen2.rope.scaling.type", "yarn")
                        .put("qwen2.rope.scaling.factor", 4f)
                        .put("qwen2.rope.scaling.original_context_length", 32))
                .get("rope_scaling");
        assertThat(yarn.get("rope_type").asText()).isEqualTo("yarn");
        assertThat(yarn.get("original_max_position_embeddings").asInt()).isEqualTo(32);
        assertThat(refused(model("llama").put("llama.rope.scaling.type", "odd")).where())
                .contains("rope.scaling.type");
    }

    /** Llama 3's four numbers are not in the file; its divisors are. */
    @Test
    void llama3Divisors() {
        int pairs = 32;
        float[] divisors = new float[pairs];
        for (int i = 0; i < pairs; i++) {
            double turns = 8192 * Math.pow(500_000, -i / 32.0) / (2 * Math.PI);
            double smooth = Math.min(1, Math.max(0, (turns - 1) / 3));
            divisors[i] = (float) (1 / ((1 - smooth) / 32 + smooth));
        }
        JsonNode known = config(withDivisors(divisors)).get("rope_scaling");
        assertThat(known.toString())
                .isEqualTo("{\"rope_type\":\"llama3\",\"factor\":32.0,\"low_freq_factor\":1.0,\"high_freq_factor\":4.0,"
                        + "\"original_max_position_embeddings\":8192}");
        divisors[20] = 17;
        JsonNode unknown = config(withDivisors(divisors)).get("rope_scaling");
        assertThat(unknown.get("rope_type").asText()).isEqualTo("longrope");
        assertThat(unknown.get("short_factor").get(20).asDouble()).isEqualTo(17);
        assertThat(unknown.get("attention_factor").asDouble()).isEqualTo(1);
    }

    private static RawGguf withDivisors(float[] divisors) {
        RawGguf raw = model("llama").put("llama.attention.key_length", 64).put("llama.attention.value_length", 64);
        raw.put("llama.rope.freq_base", 500_000f);
        raw.tensor("rope_freqs.weight", 0, 128, divisors.length);
        java.nio.ByteBuffer data = java.nio.ByteBuffer.wrap(raw.data).order(java.nio.ByteOrder.LITTLE_ENDIAN);
        for (int i = 0; i < divisors.length; i++) data.putFloat(128 + 4 * i, divisors[i]);
        return raw;
    }

    @Test
    void whatIsNotUnderstoodRefuses() {
        assertThat(refused(model("rwkv6")).expected()).contains("llama", "gemma3", "gptneox");
        assertThat(refused(new RawGguf()).where()).contains("general.architecture");
        assertThat(refused(model("llama").put("llama.expert_count", 8)).where()).contains("llama.expert_used_count");
        assertThat(refused(model("opt")).instead()).contains("safetensors");
        assertThat(refused(model("rwkv6")).instead()).isNull();
        assertThat(refused(model("llama").put("llama.embedding_scale", 2f)).where())
                .contains("llama.embedding_scale");
        assertThat(refused(model("llama").put("llama.attention.value_length", 2))
                        .where())
                .contains("value_length");
        assertThat(refused(model("llama").put("llama.attention.head_count_kv", new int[] {1, 2}))
                        .what())
                .contains("layers differ");
        assertThat(refused(model("llama").put("split.count", 3)).instead()).contains("gguf-split");
        assertThat(refused(model("llama").put("llama.attention.head_count", 1 << 30))
                        .where())
                .contains("llama.attention.head_count");
        RawGguf missing = model("llama");
        missing.metadata.remove("llama.block_count");
        assertThat(refused(missing).where()).contains("llama.block_count");
        assertThat(refusedTensor("blk.0.ffn_gate_exps.weight", 8)).contains("ffn_gate_exps");
        assertThat(refusedTensor("blk.0.attn_q_norm.weight", 8)).contains("attn_q_norm");
        assertThat(refusedTensor("blk.0.attn_q.weight", 8, 7)).contains("attn_q");
        assertThat(refusedTensor("../../x", 8)).contains("../../x");
        assertThat(config(model("llama").put("llama.expert_count", 0)).has("model_type"))
                .isTrue();
    }

    /** What a file leaves unsaid, and llama.cpp knows by heart. */
    @Test
    void mixtures() {
        JsonNode mixtral = config(experts("llama"));
        assertThat(mixtral.get("model_type").asText()).isEqualTo("mixtral");
        assertThat(mixtral.get("num_local_experts").asInt()).isEqualTo(4);
        JsonNode qwen2 = config(experts("qwen2moe"));
        assertThat(qwen2.get("moe_intermediate_size").asInt()).isEqualTo(16 / 2);
        assertThat(qwen2.get("shared_expert_intermediate_size").asInt()).isEqualTo(16);
        assertThat(qwen2.get("norm_topk_prob").asBoolean()).isFalse();
        assertThat(config(experts("qwen3moe")).get("norm_topk_prob").asBoolean())
                .isTrue();
        JsonNode oss = config(experts("gpt-oss")
                .put("gpt-oss.expert_feed_forward_length", new int[] {6, 6})
                .put("gpt-oss.attention.sliding_window", 4)
                .put("gpt-oss.rope.scaling.type", "yarn")
                .put("gpt-oss.rope.scaling.factor", 4f));
        assertThat(oss.get("intermediate_size").asInt()).isEqualTo(6);
        assertThat(oss.get("layer_types").toString()).isEqualTo("[\"sliding_attention\",\"full_attention\"]");
        assertThat(oss.get("rope_scaling").get("truncate").asBoolean()).isFalse();
        assertThat(refused(experts("gpt-oss")).where()).contains("gpt-oss.expert_feed_forward_length");
    }

    private static RawGguf experts(String architecture) {
        return model(architecture).put(architecture + ".expert_count", 4).put(architecture + ".expert_used_count", 2);
    }

    /** GLM 4.5's blocks after the model's, and their place in lists. */
    @Test
    void blocksThatPredictFurtherTokensAreNotOpened() {
        RawGguf glm =
                experts("glm4moe").put("glm4moe.nextn_predict_layers", 1).put("glm4moe.expert_feed_forward_length", 6);
        glm.tensor("blk.1.nextn.enorm.weight", 0, 128, 8);
        assertThat(config(glm).get("num_hidden_layers").asInt()).isEqualTo(1);
        assertThat(refused(glm.put("glm4moe.nextn_predict_layers", 2)).where())
                .contains("glm4moe.nextn_predict_layers");
        assertThat(config(experts("granitemoe").put("granitemoe.expert_shared_feed_forward_length", 8))
                        .get("model_type")
                        .asText())
                .isEqualTo("granitemoeshared");
    }

    private static RawGguf deepSeek() {
        return experts("deepseek2")
                .put("deepseek2.rope.dimension_count", 2)
                .put("deepseek2.attention.key_length_mla", 6)
                .put("deepseek2.attention.value_length_mla", 3)
                .put("deepseek2.attention.kv_lora_rank", 5)
                .put("deepseek2.expert_shared_count", 1)
                .put("deepseek2.expert_feed_forward_length", 6);
    }

    @Test
    void deepSeekIsTheSecondOrTheThird() {
        JsonNode two = config(deepSeek().put("deepseek2.expert_group_count", 2));
        assertThat(two.get("model_type").asText()).isEqualTo("deepseek_v2");
        assertThat(two.get("topk_method").asText()).isEqualTo("group_limited_greedy");
        assertThat(two.get("qk_nope_head_dim").asInt()).isEqualTo(4);
        assertThat(two.get("q_lora_rank").isNull()).isTrue();
        JsonNode three = config(deepSeek().put("deepseek2.expert_gating_func", 2));
        assertThat(three.get("model_type").asText()).isEqualTo("deepseek_v3");
        assertThat(three.get("n_group").asInt()).isEqualTo(1);
        RawGguf bias = deepSeek();
        bias.tensor("blk.1.exp_probs_b.bias", 0, 128, 4);
        assertThat(config(bias).get("model_type").asText()).isEqualTo("deepseek_v3");
        assertThat(config(bias.put("deepseek2.expert_gating_func", 1))
                        .get("model_type")
                        .asText())
                .isEqualTo("deepseek_v2");
        JsonNode yarn = config(deepSeek()
                .put("deepseek2.rope.scaling.type", "yarn")
                .put("deepseek2.rope.scaling.factor", 40f)
                .put("deepseek2.rope.scaling.yarn_log_multiplier", 0.0707f));
        assertThat(yarn.get("rope_scaling").get("mscale").asDouble()).isCloseTo(0.707, within(1e-9));
        assertThat(yarn.get("rope_scaling").get("mscale_all_dim"))
                .isEqualTo(yarn.get("rope_scaling").get("mscale"));
        assertThat(refused(deepSeek().put("deepseek2.expert_gating_func", 4)).where())
                .contains("expert_gating_func");
        assertThat(refused(deepSeek().put("deepseek2.attention.key_length_mla", 2))
                        .where())
                .contains("attention.key_length");
    }

    @Test
    void windows() {
        RawGguf listed = model("cohere2")
                .put("cohere2.attention.sliding_window", 4)
                .put("cohere2.attention.sliding_window_pattern", new boolean[] {false, true});
        assertThat(config(listed).get("layer_types").toString())
                .isEqualTo("[\"full_attention\",\"sliding_attention\"]");
        listed.put("cohere2.attention.sliding_window_pattern", new boolean[] {true});
        assertThat(refused(listed).where()).contains("cohere2.attention.sliding_window_pattern");
        assertThat(config(model("starcoder2")).get("sliding_window").isNull()).isTrue();
        assertThat(config(model("exaone4")).has("layer_types")).isFalse();
        assertThat(config(model("olmo2").put("olmo2.attention.sliding_window", 4))
                        .get("model_type")
                        .asText())
                .isEqualTo("olmo3");
        assertThat(refused(model("olmo2")
                                .put("olmo2.attention.sliding_window", 4)
                                .put("olmo2.rope.freq_base_swa", 5f))
                        .where())
                .contains("olmo2.rope.freq_base_swa");
    }

    /** What llama.cpp's own forms of these families cannot say, or no reader here computes. */
    @Test
    void keysOfOtherArithmeticRefuse() {
        assertThat(refused(model("apertus")).where()).contains("xielu.alpha_p");
        RawGguf apertus = model("apertus").put("xielu.alpha_p", new float[] {1});
        assertThat(refused(apertus).expected()).contains("2 numbers");
        assertThat(refused(model("falcon")).where()).contains("falcon.tensor_data_layout");
        assertThat(refused(model("mpt")).where()).contains("mpt.attention.max_alibi_bias");
        assertThat(refused(model("bloom")).expected()).contains("32");
        assertThat(refused(model("starcoder")).where()).contains("starcoder.attention.head_count_kv");
        assertThat(refused(model("olmo").put("olmo.attention.layer_norm_epsilon", 1e-6f))
                        .where())
                .contains("olmo.attention.layer_norm_epsilon");
        assertThat(refused(model("granite").put("granite.rope.scaling.finetuned", false))
                        .where())
                .contains("granite.rope.scaling.finetuned");
        RawGguf shared = experts("hunyuan-moe").put("hunyuan-moe.expert_feed_forward_length", 6);
        assertThat(refused(shared.put("hunyuan-moe.expert_shared_count", 2)).where())
                .contains("hunyuan-moe.expert_shared_count");
        assertThat(refused(shared.put("hunyuan-moe.expert_shared_feed_forward_length", 8))
                        .where())
                .contains("hunyuan-moe.expert_shared_feed_forward_length");
        RawGguf chunks = experts("llama4").put("llama4.attention.sliding_window", 0);
        assertThat(refused(chunks).where()).contains("llama4.attention.sliding_window");
        RawGguf latent = experts("nemotron_h_moe").put("nemotron_h_moe.moe_latent_size", 4);
        assertThat(refused(latent).where()).contains("nemotron_h_moe");
        RawGguf turning = model("phimoe").put("phimoe.rope.scaling.type", "longrope");
        turning.tensor("rope_factors_long.weight", 0, 128, 2);
        assertThat(refused(turning).where()).contains("phimoe.rope.scaling.type");
        assertThat(refused(model("glm4").put("glm4.rope.dimension_sections", new int[] {1, 1, 0, 0}))
                        .where())
                .contains("glm4.rope.dimension_sections");
    }

    @Test
    void layersWithoutKeysAreConvolutions() {
        RawGguf lfm2 = model("lfm2").put("lfm2.attention.head_count_kv", new int[] {0, 2});
        assertThat(refused(lfm2).where()).contains("lfm2.shortconv.l_cache");
        JsonNode c = config(lfm2.put("lfm2.shortconv.l_cache", 3));
        assertThat(c.get("layer_types").toString()).isEqualTo("[\"conv\",\"full_attention\"]");
        assertThat(c.get("num_key_value_heads").asInt()).isEqualTo(2);
        lfm2.put("lfm2.attention.head_count_kv", new int[] {1, 2});
        assertThat(refused(lfm2).where()).contains("lfm2.attention.head_count_kv");
        lfm2.put("lfm2.attention.head_count_kv", 2);
        assertThat(refused(lfm2).where()).contains("lfm2.attention.head_count_kv");
    }

    @Test
    void tensorsThatDoNotDivideRefuse() {
        assertThat(refusedTensor(experts("llama"), "blk.0.ffn_gate_exps.weight", 8, 0))
                .contains("ffn_gate_exps");
        assertThat(refusedTensor(experts("llama"), "blk.0.attn_q.bias", 8)).contains("attn_q.bias");
        assertThat(refusedTensor(model("qwen2"), "blk.0.attn_qkv.weight", 8, 7)).contains("attn_qkv");
        assertThat(refusedTensor(model("qwen3"), "blk.0.attn_qkv.bias", 8)).contains("attn_qkv.bias");
        RawGguf falcon = model("falcon").put("falcon.tensor_data_layout", "jploski");
        assertThat(refusedTensor(falcon, "blk.0.attn_qkv.weight", 8, 7)).contains("attn_qkv");
        assertThat(refusedTensor(deepSeek(), "blk.0.attn_k_b.weight", 4, 5, 3)).contains("attn_k_b");
        assertThat(refusedTensor(deepSeek(), "blk.0.ffn_gate_up_exps.weight", 2, 3, 4))
                .contains("ffn_gate_up_exps");
    }

    @Test
    void weightsThatAreThereTwiceRefuse() {
        RawGguf twice = model("qwen2");
        twice.tensor("blk.0.attn_qkv.weight", 0, 128, 8, 6).tensor("blk.0.attn_q.weight", 0, 320, 8, 2);
        assertThat(refused(twice).found()).contains("attn_q");
    }

    private String refusedTensor(String name, long... shape) {
        return refusedTensor(model("llama"), name, shape);
    }

    private String refusedTensor(RawGguf raw, String name, long... shape) {
        raw.tensor(name, 0, 128, shape);
        return refused(raw).where();
    }

    @Test
    void everyArchitectureRefusesWithoutAnEmbedding() {
        for (String a : GgufArchitectures.all()) {
            RawGguf raw = model(a);
            raw.tensors.clear();
            assertThat(refused(raw).where()).contains("token_embd.weight");
        }
    }

    @Test
    void foldersAndFiles() throws Exception {
        Path q4 = GgufGolden.ROOT.resolve("types/tiny64-Q4_0.gguf");
        Files.copy(q4, temp.resolve("m.gguf"));
        try (Checkpoint c = Checkpoint.open(temp)) {
            assertThat(c.gguf()).isPresent();
            assertThat(c.configFile()).isEqualTo(temp.resolve("m.gguf"));
            assertThat(c.has("model.embed_tokens.weight")).isTrue();
            assertThat(c.bytes()).isLessThan(c.parameters());
        }
        Files.copy(q4, temp.resolve("n.gguf"));
        Problem several = catchThrowableOfType(Problem.class, () -> Checkpoint.open(temp));
        assertThat(several.found()).contains("m.gguf").contains("n.gguf");
        Files.write(temp.resolve("model.bin"), new byte[9]);
        try (Checkpoint c = Checkpoint.open(temp.resolve("n.gguf"))) {
            assertThat(c.dir()).isEqualTo(temp.toAbsolutePath());
        }
    }

    @Test
    void gemmasNormsAreExactWhenTheOneIsAddedAgain() {
        try (Checkpoint c = Checkpoint.open(GgufGolden.ROOT.resolve("arch/gemma3-f32.gguf"))) {
            for (TensorInfo t : c.tensors().values()) {
                if (!t.name().endsWith("norm.weight")) continue;
                Tensor file = c.gguf().orElseThrow().tensor(inFile(t.name()));
                float[] ours = c.get(t.name()).toFloats();
                float[] theirs = file.toFloats();
                for (int i = 0; i < ours.length; i++) assertThat(1 + ours[i]).isEqualTo(theirs[i]);
            }
        }
    }

    private static String inFile(String name) {
        return name.replace("model.norm", "output_norm")
                .replace("model.layers.", "blk.")
                .replace("input_layernorm", "attn_norm")
                .replace("post_attention_layernorm", "post_attention_norm")
                .replace("pre_feedforward_layernorm", "ffn_norm")
                .replace("post_feedforward_layernorm", "post_ffw_norm")
                .replace("self_attn.", "attn_");
    }
}
