package org.llminspector.checkpoint;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

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
        assertThat(refused(model("llama").put("llama.expert_count", 8)).where()).contains("llama.expert_count");
        assertThat(refused(model("llama").put("llama.embedding_scale", 2f)).where())
                .contains("llama.embedding_scale");
        assertThat(refused(model("llama").put("llama.attention.value_length", 2))
                        .where())
                .contains("value_length");
        assertThat(refused(model("llama").put("llama.attention.head_count_kv", new int[] {1, 2}))
                        .what())
                .contains("layers differ");
        assertThat(refused(model("llama").put("split.count", 3)).instead()).contains("gguf-split");
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

    private String refusedTensor(String name, long... shape) {
        RawGguf raw = model("llama");
        raw.tensor(name, 0, 128, shape);
        return refused(raw).where();
    }

    @Test
    void everyArchitectureRefusesWithoutAnEmbedding() {
        for (String a : GgufArchitecture.all()) {
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
