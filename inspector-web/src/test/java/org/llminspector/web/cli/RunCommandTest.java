package org.llminspector.web.cli;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.llminspector.base.Json;
import org.llminspector.base.Tensor;
import org.llminspector.checkpoint.SafetensorsFile;

/** Runs from the shell: what goes where, and what is kept. */
class RunCommandTest extends CommandTest {

    @Test
    void aTextIsScoredTokenByToken() {
        Ended after = command("score", " cat", "--after", "the", "--model", "tiny", "--top", "2", "--json");
        assertThat(after.code()).as(after.err()).isZero();
        JsonNode scores = tree(after.out());
        double sum = 0;
        for (JsonNode t : scores.path("tokens")) {
            sum += t.path("logprob").asDouble();
            assertThat(t.path("alternatives").size()).isEqualTo(2);
        }
        assertThat(scores.path("logprob").asDouble()).isCloseTo(sum, org.assertj.core.api.Assertions.within(1e-9));
        assertThat(command("score", "the cat", "--model", "tiny").out()).contains("perplexity");
    }

    @Test
    void aKeptRunIsExtended() {
        Ended made = command("run", "--model", "tiny", "--prompt", "the cat", "--capture", "logits", "--json");
        String id = tree(made.out()).path("id").asText();
        String[] ask = {id, "--capture", "blocks.*.attn.hook_pattern,logits", "--positions=-1"};
        Ended plan = command("recapture", with(ask, "--dry-run"));
        assertThat(plan.code()).as(plan.err()).isZero();
        assertThat(plan.out()).contains("hooks to read").contains("1.00 GiB");
        assertThat(command("recapture", with(ask, "--max-bytes=1")).code()).isEqualTo(5);
        assertThat(command("recapture", ask).out()).contains("added, hooked").contains("logits");
        assertThat(command("recapture", ask).out()).contains("the run has it all");
        assertThat(tree(command("recapture", with(ask, "--json")).out())
                        .at("/recaptures/0/number")
                        .asInt())
                .isEqualTo(1);
        assertThat(command("recapture", "20200101-000000-000-000000", "--capture", "logits")
                        .code())
                .isEqualTo(3);
    }

    @Test
    void aLessonIsNotWrittenOverSomethingElse() throws IOException {
        Path taken = Files.createDirectory(folder.resolve("taken"));
        Files.writeString(taken.resolve("letter.txt"), "Dear");
        String id = tree(command("run", "--model", "tiny", "--tokens", "1,2", "--json")
                        .out())
                .path("id")
                .asText();
        Ended refused = command("export", "--run", id, "--out", taken.toString());
        assertThat(refused.code()).as(refused.err()).isEqualTo(4);
        assertThat(refused.err()).contains("something else is there already");
        assertThat(taken).isDirectoryContaining("glob:**letter.txt");
        Ended unknown = command(
                "export",
                "--run",
                "20200101-000000-000-000000",
                "--out",
                folder.resolve("none").toString());
        assertThat(unknown.code()).as(unknown.err()).isEqualTo(3);
        assertThat(folder.resolve("none")).doesNotExist();
    }

    private static String[] with(String[] args, String more) {
        List<String> all = new ArrayList<>(List.of(args));
        all.add(more);
        return all.toArray(String[]::new);
    }

    @Test
    void theTextGoesToStandardOutputAndTheRestToStandardError() {
        Ended run = command("run", "--model", "tiny", "--prompt", "the cat", "--max-new-tokens", "4", "--ignore-eos");
        assertThat(run.code()).as(run.err()).isZero();
        assertThat(run.out()).startsWith("the cat").endsWith("\n").hasLineCount(1);
        assertThat(run.err()).contains("tiny, fp32, cpu").contains("+ 4 tokens");
        Ended quiet =
                command("run", "--model", "tiny", "--prompt", "the cat", "--max-new-tokens", "4", "--ignore-eos", "-q");
        assertThat(quiet.out()).isEqualTo(run.out());
        assertThat(quiet.err()).isEmpty();
    }

    @Test
    void aConversationIsAnsweredAndOnlyTheAnswerIsPrinted() throws IOException {
        String[] asked = {"--model", "tiny", "--system", "Be brief", "--message", "user=a=b", "-q"};
        Ended shown = command("run", asked);
        assertThat(shown.code()).as(shown.err()).isZero();
        assertThat(shown.out()).isEqualTo("<s>system: Be brief\nuser: a=b\nassistant:\n");
        List<String> more = new ArrayList<>(List.of(asked));
        more.addAll(List.of("--max-new-tokens", "3", "--ignore-eos"));
        Ended answer = command("run", more.toArray(String[]::new));
        more.add("--json");
        JsonNode manifest = Json.mapper()
                .readTree(command("run", more.toArray(String[]::new)).out());
        assertThat(answer.out()).isEqualTo(manifest.at("/generation/text").asText() + "\n");
        assertThat(manifest.path("prompt").asText()).isEqualTo("<s>system: Be brief\nuser: a=b\nassistant:");
    }

    @Test
    void nothingIsGeneratedUnlessAskedFor() throws IOException {
        Ended run = command("run", "--model", "tiny", "--tokens", "1,2,3", "--json");
        JsonNode manifest = Json.mapper().readTree(run.out());
        assertThat(manifest.path("prompt_length").asInt()).isEqualTo(3);
        assertThat(manifest.has("generation")).isFalse();
    }

    @Test
    void capturesAreWrittenUnderTheirHooksNames() throws IOException {
        Path file = folder.resolve("run.safetensors");
        Ended run = command(
                "run",
                "--model",
                "tiny",
                "--tokens",
                "1,2,3,4",
                "--capture",
                "blocks.*.attn.hook_pattern,logits",
                "--capture",
                "hook_embed",
                "--out",
                file.toString());
        assertThat(run.code()).as(run.err()).isZero();
        assertThat(run.err()).contains("6 captures");
        try (SafetensorsFile written = SafetensorsFile.open(file)) {
            assertThat(written.tensors().keySet()).contains("blocks.0.attn.hook_pattern", "logits", "hook_embed");
            Tensor logits = written.tensor("logits");
            assertThat(logits.shape()).containsExactly(1, 4, 320);
        }
    }

    @Test
    void theSameSeedGivesTheSameText() {
        String[] args = {
            "--model", "tiny", "--prompt", "the", "--max-new-tokens", "8", "--temperature", "1.5", "--seed", "5"
        };
        assertThat(command("run", args).out()).isEqualTo(command("run", args).out());
    }

    @Test
    void anInterventionComesAsJsonOrFromAFile() throws IOException {
        String json = "{\"hook\":\"blocks.*.hook_mlp_out\",\"op\":\"zero\"}";
        Path file = Files.writeString(folder.resolve("cut.json"), "[" + json + "]");
        Ended direct = command("run", "--model", "tiny", "--tokens", "1,2", "--json", "--intervene", json);
        Ended fromFile = command("run", "--model", "tiny", "--tokens", "1,2", "--json", "--intervene", "@" + file);
        JsonNode a = Json.mapper().readTree(direct.out()).at("/request/interventions");
        assertThat(a.size()).isEqualTo(1);
        assertThat(Json.mapper().readTree(fromFile.out()).at("/request/interventions"))
                .isEqualTo(a);
    }

    @Test
    void aRunNeedNotBeKept() throws IOException {
        Path runs = folder.resolve("none");
        Ended run = inspector(
                "run",
                "--no-store",
                "--model",
                models.resolve("tiny").toString(),
                "--tokens",
                "1",
                "--runs-dir",
                runs.toString());
        assertThat(run.code()).as(run.err()).isZero();
        assertThat(run.err()).contains("not kept");
        assertThat(Files.exists(runs)).isFalse();
    }

    @Test
    void aPromptLongerThanTheContextHasAnExitCodeOfItsOwn() {
        Ended run = command("run", "--model", "tiny", "--tokens", "1" + ",1".repeat(299));
        assertThat(run.code()).isEqualTo(5);
        assertThat(run.err()).contains("at most 256 tokens").contains("300 tokens");
    }
}
