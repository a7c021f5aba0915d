package org.llminspector.web.cli;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Locale;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.llminspector.base.Json;

/** What is inside a model, from the shell. */
class InspectCommandsTest extends CommandTest {

    @Test
    void aNeuronIsReadOverAText() {
        Ended told = command("neuron", "1", "3", "--model", "tiny", "--text", "the cat sat on the mat", "--top", "2");
        assertThat(told.code()).as(told.err()).isZero();
        assertThat(told.out()).contains("layer 1, neuron 3").contains("[");
        JsonNode json = tree(command("neuron", "1", "3", "--model", "tiny", "--text", "the cat", "--json")
                .out());
        assertThat(json.path("values").size()).isEqualTo(json.path("tokens").asInt());
        assertThat(command("neuron", "1", "3", "--model", "tiny").err()).contains("--text, --file");
        assertThat(command("neuron", "1", "30000", "--model", "tiny", "--text", "a")
                        .code())
                .isEqualTo(2);
    }

    @Test
    void rowsNearASumAreListedWithoutItsParts() {
        Ended near = command("near", "5", "9", "--minus", "7", "--model", "tiny", "--top", "3", "--json");
        assertThat(near.code()).as(near.err()).isZero();
        JsonNode answer = tree(near.out());
        assertThat(answer.path("neighbours").size()).isEqualTo(3);
        assertThat(answer.path("left_out").toString()).isEqualTo("[5,7,9]");
        assertThat(command("near", "5", "--model", "tiny").out()).contains("COSINE");
        assertThat(command("near", "many words of text", "--model", "tiny").err())
                .contains("not one token");
    }

    @Test
    void aDirectionIsPrintedAndSteersARun() {
        Ended table = direction();
        assertThat(table.code()).as(table.err()).isZero();
        assertThat(table.out()).contains("COMPONENT").contains("mean norm").contains("negative");
        assertThat(tree(direction("--json").out()).path("positive")).hasSize(2);
        String change = direction("--as", "add_along", "--value", "-30").out();
        Ended steered = command("run", "--model", "tiny", "--prompt", "the cat", "--intervene", change, "--json");
        assertThat(steered.code()).as(steered.err()).isZero();
        assertThat(tree(steered.out()).at("/request/interventions/0/value").asDouble())
                .isEqualTo(-30);
        assertThat(direction("--as", "zero").err()).contains("scale_along");
        assertThat(direction("--as", "cap_along").err()).contains("without --value");
    }

    private static Ended direction(String... more) {
        Stream<String> texts = Stream.of(
                "--positive", "the cat", "a cat", "--negative", "a dog", "--hook", "blocks.1.hook_resid_post");
        Stream<String> all = Stream.concat(texts, Stream.of("--model", "tiny"));
        return command("direction", Stream.concat(all, Stream.of(more)).toArray(String[]::new));
    }

    @Test
    void headsAreListedByWhatTheyDo() {
        Ended twice = command("heads", "--model", "tiny", "--length", "8", "--by", "previous");
        assertThat(twice.code()).as(twice.err()).isZero();
        assertThat(twice.out()).contains("INDUCTION").doesNotContain("EFFECT");
        Ended made = command("run", "--model", "tiny", "--prompt", "the cat", "--json");
        String id = tree(made.out()).path("id").asText();
        assertThat(command("heads", id, "--by", "effect").out())
                .contains("EFFECT")
                .contains("3.3");
        assertThat(tree(command("heads", id, "--json").out()).path("heads")).hasSize(16);
        assertThat(command("heads", "--model", "tiny", "--by", "size").code()).isEqualTo(2);
    }

    @Test
    void aHeadsWeightsAreRead() {
        Ended told = command("circuits", "3.1", "7", "12", "--model", "tiny", "--top", "3");
        assertThat(told.code()).as(told.err()).isZero();
        assertThat(told.out()).contains("looks for, most of all, of all pairs").contains("RAISES");
        JsonNode json = tree(
                command("circuits", "3.1", "7", "--model", "tiny", "--json").out());
        assertThat(json.at("/of/0/id").asInt()).isEqualTo(7);
        assertThat(json.at("/of/0/seeks")).hasSize(8);
        Ended heard = command("circuits", "1.0", "--heard", "--model", "tiny");
        assertThat(heard.out().lines()).hasSize(5); // the heads of layer 0
        assertThat(command("circuits", "head 3", "--model", "tiny").code()).isEqualTo(2);
        assertThat(command("circuits", "9.0", "--model", "tiny").code()).isEqualTo(2);
    }

    @Test
    void positionsAreToldOfAModelAndOfARun() {
        Ended model = command("positions", "--model", "tiny");
        assertThat(model.code()).as(model.err()).isZero();
        assertThat(model.out()).contains("0-3").contains("rope").contains("16 of 16");
        Ended made = command("run", "--model", "tiny", "--prompt", "the cat", "--json");
        String id = tree(made.out()).path("id").asText();
        assertThat(command("positions", id).out().lines()).hasSize(2 + 1 + 16);
        JsonNode one = tree(command("positions", id, "--head", "2.1", "--most", "9", "--json")
                .out());
        assertThat(one.path("curve")).hasSize(10);
        assertThat(command("positions", id, "--head", "2.1").out())
                .contains(" *")
                .contains(String.format(Locale.ROOT, "%.3f", one.path("score").asDouble()));
        assertThat(command("positions", id, "--shift", "20").out()).contains("moved by 20 positions");
        assertThat(command("positions", "--shift", "20", "--model", "tiny").code())
                .isEqualTo(2);
        assertThat(command("positions", id, "--shift", "20", "--head", "2.1").code())
                .isEqualTo(2);
    }

    @Test
    void modelsAndHooksAreListed() throws IOException {
        Ended listed = command("models");
        assertThat(listed.code()).isZero();
        assertThat(listed.out()).contains("* bare").contains("  tiny").contains("222.8 K");
        assertThat(command("models", "--model", "tiny").out())
                .contains("* tiny")
                .contains("  bare");
        assertThat(Json.mapper().readTree(command("models", "--json").out()).isArray())
                .isTrue();
        Ended hooks = command("hooks", "--model", "tiny");
        assertThat(hooks.out())
                .contains("blocks.{i}.attn.hook_pattern")
                .contains("[1, 4, query, key]")
                .contains("RoPE");
        assertThat(inspector("hooks", "--model", "/no/such").code()).isEqualTo(3);
    }

    @Test
    void aModelIsCheckedBeforeItIsOpened(@TempDir Path elsewhere) throws IOException {
        String tiny = models.resolve("tiny").toString();
        Ended opens = command("models", "--check", tiny);
        assertThat(opens.code()).as(opens.err()).isZero();
        assertThat(opens.out()).contains("tiny opens: llama, 222.8 K parameters", "torch", "onnx", "int4_32");
        JsonNode forms = tree(command("models", "--check", tiny, "--json", "--memory", "400KB")
                        .out())
                .path("forms");
        JsonNode half = forms.get(1);
        assertThat(half.path("precision").asText()).isEqualTo("fp16");
        assertThat(half.path("bytes").asLong()).isBetween(400_000L, 500_000L); // of 222,784 numbers
        assertThat(half.path("fits").asBoolean()).isFalse();
        assertThat(forms.get(0).path("bytes").asLong()).isZero(); // FP32 stays in the file
        assertThat(forms.get(0).path("fits").asBoolean()).isTrue();
        assertThat(opens.out()).doesNotContain("Layers:", "active");

        Path odd = Files.createDirectory(elsewhere.resolve("odd"));
        Files.copy(models.resolve("tiny/model.safetensors"), odd.resolve("model.safetensors"));
        String config = Files.readString(models.resolve("tiny/config.json"));
        Files.writeString(odd.resolve("config.json"), config.replace("\"silu\"", "\"snake\""));
        Ended not = command("models", "--check", odd.toString());
        assertThat(not.code()).isEqualTo(6);
        assertThat(not.err()).contains("hidden_act", "snake");
    }

    /** Of a mixture how many parameters a token uses, of a hybrid which layers are which. */
    @Test
    void aCheckTellsExpertsAndLayersApart() {
        Ended kimi = command("models", "--check", golden("kimi_linear"));
        assertThat(kimi.out())
                .contains(" active a token)")
                .contains("Layers: gated delta net: 0-2; latent attention: 3.\n");
        JsonNode json = tree(
                command("models", "--check", golden("kimi_linear"), "--json").out());
        long idle = 3L * (6 - 2) * 3 * 48 * 64; // layers, experts that are not chosen, matrices, their sizes
        assertThat(json.path("parameters").asLong()
                        - json.path("active_parameters").asLong())
                .isEqualTo(idle);
        assertThat(json.at("/layers/1/layers/0").asInt()).isEqualTo(3);
        assertThat(command("models", "--check", golden("jamba")).out())
                .contains("Layers: Mamba: 0-1, 3; attention: 2.\n");
        assertThat(command("models", "--check", golden("nemotron_h")).out())
                .contains("Layers: Mamba 2: 0; MLP: 1; attention: 2; experts: 3.\n");
        assertThat(command("models", "--check", golden("falcon_h1")).out())
                .contains("Layers: attention and Mamba 2: 0-2.\n");
        assertThat(command("models", "--check", golden("arcee")).out()).doesNotContain("Layers:");
        JsonNode both =
                tree(command("models", "--check", golden("falcon_h1"), "--json").out());
        assertThat(both.at("/layers/0/kind").asText()).isEqualTo("attention and Mamba 2");
        assertThat(both.path("layers")).hasSize(1);
        assertThat(both.has("active_parameters")).isFalse();
    }

    private static String golden(String family) {
        return Path.of("../inspector-core/src/test/resources/golden/families", family)
                .toString();
    }

    @Test
    void aTextAsSeveralTokenizersSplitIt() {
        Ended ended = command("tokenize", "the cat", "--model", "tiny", "--with", "cl100k_base", "--trace");
        assertThat(ended.code()).as(ended.err()).isZero();
        assertThat(ended.out()).contains("cl100k_base").contains("the| cat").contains("rank ");
        assertThat(tree(command("tokenize", "the cat", "--model", "tiny", "--json")
                                .out())
                        .at("/0/tokenization/ids"))
                .isNotEmpty();
        assertThat(command("tokenize", "the cat", "--model", "bare").code()).isNotZero();
    }

    @Test
    void weightsAndWhatSchemesMakeOfThem() throws IOException {
        String q = "model.layers.0.self_attn.q_proj.weight";
        assertThat(command("tensors", "--model", "blocks").out())
                .contains(q)
                .contains("Q4_1")
                .contains("blocks.0.attn.q.weight");
        assertThat(command("tensors", q, "--model", "tiny").out())
                .contains("outliers")
                .contains("int4-g32-asym")
                .contains("dB");
        Ended slice = command("tensors", q, "--model", "tiny", "--scheme", "int8", "--rows", "2:4", "--cols", "0:3");
        assertThat(slice.code()).as(slice.err()).isZero();
        assertThat(slice.out()).contains("int8-channel").contains("codes").contains("scales");
        JsonNode json = Json.mapper()
                .readTree(command("tensors", q, "--model", "tiny", "--scheme", "int8", "--rows", "2", "--json")
                        .out());
        assertThat(json.path("codes").path(0).size())
                .isEqualTo(json.path("shape").path(1).asInt());
        assertThat(command("tensors", q, "--model", "blocks", "--block", "1,40").out())
                .contains("Q4_1")
                .contains("min")
                .contains("columns 32 to 63");
        Ended report = command("quantize", "--model", "tiny", "--scheme", "int4");
        assertThat(report.code()).as(report.err()).isZero();
        assertThat(report.out())
                .contains("blocks.0.attn.q.weight")
                .contains("kept")
                .contains("bits per weight");
        assertThat(Json.mapper()
                        .readTree(command("quantize", "--model", "tiny", "--scheme", "int4", "--json")
                                .out())
                        .path("weights")
                        .size())
                .isGreaterThan(10);
        assertThat(command("quantize").out())
                .contains("int8-channel")
                .contains("bfloat16")
                .doesNotContain("SQNR");
        Ended wrong = command("quantize", "--scheme", "int8-chanel");
        assertThat(wrong.code()).isEqualTo(2);
        assertThat(wrong.err()).contains("closest: int8-channel");
        assertThat(command("tensors", "--scheme", "int8").code()).isEqualTo(2);
        assertThat(command("tensors", "nothing", "--model", "tiny").code()).isEqualTo(3);
    }

    @Test
    void aCacheIsTheSizeThatItsFormatTakes() {
        Ended whole = command("cost", "--model", "tiny", "--contexts", "16,64");
        assertThat(whole.code()).as(whole.err()).isZero();
        assertThat(whole.out())
                .contains("parameters")
                .contains("a cache in fp32")
                .contains("SCRATCH");
        Ended codes = command("cost", "--model", "tiny", "--contexts", "16", "--kv-cache", "fp16/int8");
        assertThat(codes.out()).contains("keys fp16, values int8");
        Ended measured = command("cost", "--model", "tiny", "--contexts", "4,8", "--measure", "--kv-cache", "int8");
        assertThat(measured.code()).as(measured.err()).isZero();
        assertThat(measured.out()).contains("WITHOUT CACHE").contains("8 tokens after each prompt");
        Ended run = command("run", "--model", "tiny", "--prompt", "the cat", "--kv-cache", "int8/int3");
        assertThat(run.code()).isEqualTo(2);
        assertThat(run.err()).contains("fp16/int8");
    }
}
