package org.llminspector.family;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;
import org.llminspector.base.Json;
import org.llminspector.base.Problem;
import org.llminspector.spec.Activation;
import org.llminspector.spec.Attention;
import org.llminspector.spec.DecoderSpec;
import org.llminspector.spec.Rope;

/** Configs as they look on the hub: those of real models load, and what they must not contain is refused. */
class HubConfigTest {

    private static final Path HUB = Path.of("src/test/resources/configs");

    @TestFactory
    List<DynamicTest> everyConfigLoads() throws IOException {
        try (Stream<Path> files = Files.list(HUB)) {
            return files.sorted()
                    .map(f -> DynamicTest.dynamicTest(f.getFileName().toString(), () -> assertThat(
                                    spec((ObjectNode) Json.readObject(f)).nLayers())
                            .isPositive()))
                    .toList();
        }
    }

    @Test
    void llama32() {
        Attention a = attention("llama-3.2-1b", 0);
        assertThat(a.dHead()).isEqualTo(64);
        assertThat(a.rope().scaling()).isEqualTo(new Rope.Llama3(32, 1, 4, 8192));
        assertThat(spec("llama-3.2-1b").tied()).isTrue();
        assertThat(spec("tinyllama-1.1b-chat").tied()).isFalse();
    }

    @Test
    void qwen() {
        assertThat(attention("qwen2.5-0.5b-instruct", 23).window()).isNull();
        assertThat(attention("qwen2.5-0.5b-instruct", 0).qkvBias()).isTrue();
        assertThat(attention("qwen2.5-0.5b-instruct", 0).outBias()).isFalse();
        assertThat(attention("qwen3-0.6b", 0).dHead()).isEqualTo(128);
        assertThat(attention("qwen3-0.6b", 0).qNorm()).isNotNull();
        ObjectNode on = config("qwen2.5-0.5b-instruct").put("use_sliding_window", true);
        assertThat(spec(on).layers().get(20).attention().window()).isNull();
        assertThat(spec(on).layers().get(21).attention().window()).isEqualTo(32768);
    }

    @Test
    void gemma() {
        DecoderSpec two = spec("gemma-2-2b");
        assertThat(two.logitSoftcap()).isEqualTo(30f);
        assertThat(two.layers().get(0).attention().window()).isEqualTo(4096);
        assertThat(two.layers().get(1).attention().window()).isNull();
        assertThat(two.layers().get(0).mlp().activation()).isEqualTo(Activation.GELU_TANH);
        assertThat(two.tied()).isTrue();
        for (String name : List.of("gemma-3-270m", "gemma-3-1b-it")) {
            assertThat(attention(name, 4).window()).isEqualTo(512);
            assertThat(attention(name, 4).rope().theta()).isEqualTo(10_000);
            assertThat(attention(name, 5).window()).isNull();
            assertThat(attention(name, 5).rope().theta()).isEqualTo(1_000_000);
        }
    }

    /** Most of its fields are absent: they are what the reference takes then. */
    @Test
    void gemmaThatSees() {
        DecoderSpec four = spec("gemma-3-4b-it");
        assertThat(four.vocab()).isEqualTo(262_208);
        assertThat(four.tied()).isTrue();
        Attention global = four.layers().get(5).attention();
        assertThat(List.of(global.nHeads(), global.nKvHeads(), global.dHead())).containsExactly(8, 4, 256);
        assertThat(global.rope().scaling()).isEqualTo(new Rope.Linear(8));
        assertThat(four.layers().get(0).attention().rope().scaling()).isEqualTo(new Rope.Default());
        ObjectNode odd = config("gemma-3-4b-it");
        ((ObjectNode) odd.get("text_config")).put("use_bidirectional_attention", true);
        refused(odd, "text_config.use_bidirectional_attention");
    }

    @Test
    void phi() {
        assertThat(attention("phi-3-mini-4k-instruct", 0).window()).isEqualTo(2047);
        Rope.LongRope longRope =
                (Rope.LongRope) attention("phi-3-mini-128k-instruct", 0).rope().scaling();
        assertThat(longRope.originalContext()).isEqualTo(4096);
        assertThat(longRope.attentionFactor())
                .isCloseTo(Math.sqrt(1 + Math.log(32) / Math.log(4096)), org.assertj.core.data.Offset.offset(1e-12));
        assertThat(attention("phi-4-mini-instruct", 0).rope().dims()).isEqualTo(96);
        ObjectNode su = config("phi-3-mini-128k-instruct");
        ((ObjectNode) su.get("rope_scaling")).put("type", "su");
        assertThat(spec(su)).isEqualTo(spec("phi-3-mini-128k-instruct"));
        ObjectNode few = config("phi-3-mini-128k-instruct");
        ((ObjectNode) few.get("rope_scaling")).putArray("long_factor").add(1);
        refused(few, "rope_scaling.long_factor", "48");
    }

    @Test
    void theOthers() {
        assertThat(attention("pythia-70m", 0).rope().dims()).isEqualTo(16);
        assertThat(spec("pythia-70m").layers().get(0).parallel()).isTrue();
        assertThat(spec("olmo-2-0425-1b").layers().get(0).ln1()).isNull();
        assertThat(attention("olmo-2-0425-1b", 0).qkNormWide()).isTrue();
        assertThat(attention("mistral-7b-v0.1", 31).window()).isEqualTo(4096);
        assertThat(attention("mistral-7b-v0.3", 31).window()).isNull();
        assertThat(attention("smollm3-3b", 2).rope()).isNotNull();
        assertThat(attention("smollm3-3b", 3).rope()).isNull();
    }

    /** A field that is absent is what the reference takes then, which is not always what null means. */
    @Test
    void absentIsNotNull() {
        ObjectNode mistral = config("mistral-7b-v0.3");
        mistral.remove("sliding_window");
        assertThat(spec(mistral).layers().get(0).attention().window()).isEqualTo(4096);
        ObjectNode gemma = config("gemma-2-2b");
        gemma.remove("final_logit_softcapping");
        assertThat(spec(gemma).logitSoftcap()).isEqualTo(30f);
        assertThat(spec(gemma.putNull("final_logit_softcapping")).logitSoftcap())
                .isNull();
    }

    /** Fields that a family's reference does not have, or that mean another arithmetic than ours. */
    @Test
    void whatWouldChangeTheArithmeticIsRefused() {
        refused(config("smollm2-135m-instruct").put("rope_interleaved", true), "rope_interleaved = true");
        refused(config("smollm2-135m-instruct").put("partial_rotary_factor", 0.5), "partial_rotary_factor");
        refused(config("llama-3.2-1b").put("sliding_window", 4096), "sliding_window = 4096");
        refused(config("mistral-7b-v0.1").put("attention_bias", true), "attention_bias = true");
        refused(config("qwen2.5-0.5b-instruct").put("attention_bias", true), "attention_bias = true");
        refused(config("qwen2.5-0.5b-instruct").put("use_mrope", true), "use_mrope = true");
        refused(config("gemma-3-270m").put("attn_logit_softcapping", 50.0), "attn_logit_softcapping = 50.0");
        refused(config("gemma-3-270m").put("use_bidirectional_attention", true), "use_bidirectional_attention");
        refused(config("phi-4-mini-instruct").put("lm_head_bias", true), "lm_head_bias = true");
        refused(config("olmo-2-0425-1b").put("clip_qkv", 8.0), "clip_qkv = 8.0");
        refused(config("pythia-70m").put("head_dim", 32), "head_dim = 32");
        refused(config("smollm3-3b").put("no_rope_layers", 4), "no_rope_layers", "a list of 36 values");
        ObjectNode spiral = config("smollm3-3b");
        spiral.putObject("rope_scaling")
                .put("rope_type", "linear")
                .put("factor", 2)
                .put("spin", 3);
        refused(spiral, "rope_scaling.spin", "spin = 3");
    }

    @Test
    void kindsOfLayersThatAreNotSupportedAreNamed() {
        ObjectNode chunked = config("qwen3-0.6b");
        chunked.set("layer_types", types("chunked_attention", 28));
        refused(chunked, "layer_types", "chunked_attention", "full_attention or sliding_attention");
        ObjectNode noWindow = config("qwen3-0.6b");
        noWindow.set("layer_types", types("sliding_attention", 28));
        refused(noWindow, "sliding_window", "layer_types has sliding layers");
        ObjectNode few = config("qwen3-0.6b");
        few.set("layer_types", types("full_attention", 27));
        refused(few, "layer_types", "a list of 28 values");
    }

    private static com.fasterxml.jackson.databind.JsonNode types(String type, int n) {
        return Json.mapper().valueToTree(java.util.Collections.nCopies(n, type));
    }

    private static void refused(ObjectNode config, String... words) {
        assertThatThrownBy(() -> spec(config)).isInstanceOf(Problem.class).hasMessageContainingAll(words);
    }

    private static Attention attention(String name, int layer) {
        return spec(name).layers().get(layer).attention();
    }

    private static DecoderSpec spec(String name) {
        return spec(config(name));
    }

    private static ObjectNode config(String name) {
        return (ObjectNode) Json.readObject(HUB.resolve(name + ".json"));
    }

    private static DecoderSpec spec(ObjectNode json) {
        Config config = new Config(json, Path.of("config.json"));
        DecoderSpec spec = Family.of(config).spec(config);
        config.refuseWhatWasNotUnderstood();
        return spec;
    }
}
