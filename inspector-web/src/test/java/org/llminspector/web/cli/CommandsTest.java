package org.llminspector.web.cli;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.llminspector.base.Json;
import org.llminspector.base.Tensor;
import org.llminspector.checkpoint.SafetensorsFile;
import org.llminspector.web.TinyModels;
import picocli.CommandLine;

/** The command line: what goes where, and the exit codes. */
class CommandsTest {

    record Ended(int code, String out, String err) {}

    @TempDir
    static Path folder;

    static Path models;

    @BeforeAll
    static void models() throws IOException {
        models = TinyModels.in(folder);
    }

    private static Ended inspector(String... args) {
        StringWriter out = new StringWriter();
        StringWriter err = new StringWriter();
        int code = InspectorCommand.run(new PrintWriter(out), new PrintWriter(err), args);
        assertThat(err.toString()).doesNotContain("\tat ");
        return new Ended(code, out.toString(), err.toString());
    }

    /** A command with the tests' places after its own arguments. */
    private static Ended command(String command, String... args) {
        List<String> all = new ArrayList<>(List.of(command));
        all.addAll(List.of(args));
        all.addAll(List.of(
                "--model-root",
                models.toString(),
                "--runs-dir",
                folder.resolve("runs").toString()));
        return inspector(all.toArray(String[]::new));
    }

    @Test
    void helpIsWorthReading() {
        Ended help = inspector("--help");
        assertThat(help.code()).isZero();
        assertThat(help.out()).contains("serve", "run", "models", "hooks", "compare", "Exit codes", "Examples");
        assertThat(inspector().out()).isEqualTo(help.out());
        for (String c : List.of("serve", "run", "models", "hooks", "compare")) {
            assertThat(inspector(c, "--help").out())
                    .contains("Usage: inspector " + c)
                    .contains("--model");
        }
        assertThat(inspector("--version").out()).contains("LLM Inspector");
    }

    /** picocli formats what it prints: of a lone % it warns on the process' standard error. */
    @Test
    void everyHelpIsPrintedWithoutAWarning() {
        PrintStream before = System.err;
        ByteArrayOutputStream warned = new ByteArrayOutputStream();
        System.setErr(new PrintStream(warned, true, StandardCharsets.UTF_8));
        try {
            help(new CommandLine(new InspectorCommand()));
        } finally {
            System.setErr(before);
        }
        assertThat(warned.toString(StandardCharsets.UTF_8)).isEmpty();
    }

    private static void help(CommandLine command) {
        assertThat(command.getUsageMessage()).contains("Usage: ");
        command.getSubcommands().values().forEach(CommandsTest::help);
    }

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

    /** Here a file stands where the folder of runs would be made, which also stops root. */
    @Test
    void aHomeThatCannotBeWrittenToStopsNoQuestionAboutModels() throws IOException {
        Path home = Files.writeString(folder.resolve("home"), "no folder").resolve("runs");
        String[] where = {"--model-root", models.toString(), "--runs-dir", home.toString()};
        Ended listed = inspector("models", where[0], where[1], where[2], where[3]);
        assertThat(listed.code()).as(listed.err()).isZero();
        assertThat(listed.out()).contains("tiny", models.resolve("tiny").toString());
        Ended run = inspector("run", where[0], where[1], where[2], where[3], "--prompt", "a");
        assertThat(run.code()).isEqualTo(9);
    }

    @Test
    void noLockStaysBehind() throws IOException {
        Path runs = folder.resolve("locks/runs");
        Ended run = inspector(
                "run",
                "--model-root",
                models.toString(),
                "--model",
                "tiny",
                "--runs-dir",
                runs.toString(),
                "--prompt",
                "a");
        assertThat(run.code()).as(run.err()).isZero();
        try (var all = Files.walk(runs)) {
            assertThat(all.map(p -> p.getFileName().toString())).noneMatch(n -> n.endsWith(".lock"));
        }
        if (!runs.getFileSystem().supportedFileAttributeViews().contains("posix")) return;
        try (var all = Files.walk(runs)) {
            for (Path dir : all.filter(Files::isDirectory).toList()) {
                assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(dir)))
                        .as(dir.toString())
                        .isEqualTo("rwx------");
            }
        }
    }

    @Test
    void answersThatChangedAreListed() throws IOException {
        String sample = "{\"doc_id\":%d,\"target\":\"0\",\"filter\":\"none\",\"metrics\":[\"acc\"],\"acc\":%d,"
                + "\"arguments\":{\"gen_args_0\":{\"arg_0\":\"Mia lost her\",\"arg_1\":\" ball\"},"
                + "\"gen_args_1\":{\"arg_0\":\"Mia lost her\",\"arg_1\":\" kite\"}},"
                + "\"filtered_resps\":[[\"%d\",\"False\"],[\"-5\",\"False\"]]}\n";
        Path a = folder.resolve("a.jsonl");
        Path b = folder.resolve("b.jsonl");
        Files.writeString(a, String.format(sample, 0, 1, -3) + String.format(sample, 1, 1, -3));
        Files.writeString(b, String.format(sample, 0, 1, -3) + String.format(sample, 1, 0, -9));
        Ended told = inspector("flips", a.toString(), b.toString());
        assertThat(told.code()).as(told.err()).isZero();
        assertThat(told.out())
                .contains("Mia lost her", "ball", "kite", "lost")
                .contains("2 questions, acc: A 100.00 %, B 50.00 %. 1 answered differently: 1 lost, 0 won");
        assertThat(tree(inspector("flips", a.toString(), b.toString(), "--json").out())
                        .at("/flips/0/answer_b")
                        .asText())
                .isEqualTo("kite");
        Ended none =
                inspector("flips", a.toString(), folder.resolve("none.jsonl").toString());
        assertThat(none.code()).isEqualTo(3);
        assertThat(none.err()).contains("none.jsonl");
    }

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

    private static JsonNode tree(String json) {
        try {
            return Json.mapper().readTree(json);
        } catch (com.fasterxml.jackson.core.JsonProcessingException e) {
            throw new AssertionError(json, e);
        }
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
    void aComparisonFailsWhereAConditionHolds() throws Exception {
        Path junit = folder.resolve("gates.xml");
        String[] ask = {
            "--model",
            "tiny",
            "--b",
            "precision=fp16",
            "--prompt",
            "the cat",
            "--no-cost",
            "-q",
            "--fail-if",
            "same_top<2",
            "--fail-if",
            "mean_kld > 1e9",
            "--fail-if",
            "b.model.n_layers>=1",
            "--junit",
            junit.toString()
        };
        Ended failed = command("compare", ask);
        assertThat(failed.code()).as(failed.err()).isEqualTo(10);
        assertThat(failed.err())
                .contains("FAILED: same_top is ", "FAILED: b.model.n_layers is ")
                .doesNotContain("mean_kld");
        assertThat(Files.readString(junit))
                .contains(
                        "tests=\"3\" failures=\"2\"",
                        "name=\"not mean_kld &gt; 1e9\"",
                        "<failure message=\"same_top is ");
        Ended passed = command(
                "compare", "--model", "tiny", "--prompt", "the cat", "--no-cost", "-q", "--fail-if", "mean_kld>0.001");
        assertThat(passed.code()).as(passed.err()).isZero();
        for (String wrong : List.of("mean_kld=3", "kld>1", "mean_kld>many", "nothing.here>1")) {
            Ended refused =
                    command("compare", "--model", "tiny", "--prompt", "the cat", "--no-cost", "-q", "--fail-if", wrong);
            assertThat(refused.code()).as(wrong).isEqualTo(2);
            assertThat(refused.err()).contains("--fail-if");
        }
        assertThat(command("compare", "--model", "tiny", "--prompt", "a", "--junit", "x.xml")
                        .err())
                .contains("--fail-if");
    }

    @Test
    void twoSidesAreCompared() throws IOException {
        Path text = Files.writeString(folder.resolve("text.txt"), "the cat and the dog and the cat");
        Path report = folder.resolve("report.html");
        Ended half = command(
                "compare",
                "--model",
                "tiny",
                "--b",
                "precision=fp16",
                "--prompt",
                "the cat",
                "--text",
                text.toString(),
                "--out",
                report.toString(),
                "--no-cost");
        assertThat(half.code()).as(half.err()).isZero();
        assertThat(half.out()).contains("The first difference is at hook_embed", "Mean KLD", "RELATIVE L2 PAST");
        assertThat(Files.readString(report))
                .startsWith("<!doctype html>")
                .contains("Made here", "data:image/png")
                .doesNotContain("<script")
                .doesNotContain("src=\"http");
        Ended same = command("compare", "--model", "tiny", "--prompt", "the cat", "--json", "--no-cost", "-q");
        JsonNode m = Json.mapper().readTree(same.out());
        assertThat(m.at("/prompt/mean_kld/value").asDouble()).isZero();
        assertThat(m.at("/firsts/0").has("hook")).isFalse();
        assertThat(same.err()).isEmpty();
        Ended wrong = command("compare", "--model", "tiny", "--b", "colour=red", "--prompt", "a");
        assertThat(wrong.code()).isEqualTo(2);
        assertThat(wrong.err()).contains("precision").contains("colour=red");
    }

    @Test
    void modulesAreRankedAndAMixIsSuggested() throws IOException {
        List<String> ask = List.of("--model", "tiny", "--prompt", "the cat", "--no-cost", "--no-split", "-q");
        List<String> sides = List.of("--a", "engine=onnx", "--b", "engine=onnx,precision=int4_32");
        List<String> rank = List.of("--sensitivity", "layer", "--budget", "1GiB");
        Ended ranked = compare(ask, sides, rank);
        assertThat(ranked.code()).as(ranked.err()).isZero();
        assertThat(ranked.out()).contains("KL RECOVERED", "blocks.0", " of 5 modules restored", "\"overrides\"");
        Ended small = compare(ask, sides, List.of("--sensitivity", "--budget", "1KiB"));
        assertThat(small.code()).isEqualTo(2);
        assertThat(small.err()).contains("no mix of the two precisions fits");
        assertThat(compare(ask, sides, List.of("--budget", "1GiB")).err()).contains("--sensitivity");
    }

    private static Ended compare(List<String> ask, List<String> sides, List<String> rank) {
        return command(
                "compare", Stream.of(ask, sides, rank).flatMap(List::stream).toArray(String[]::new));
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

    @ParameterizedTest
    @CsvSource(delimiter = '|', textBlock = """
                    --tokens 1 --model /no/such/folder               | 3 | does not exist
                    --tokens 1 --model nothing                       | 3 | no such model
                    --tokens 1,320 --model tiny                      | 2 | 0 to 319
                    --tokens 1,x --model tiny                        | 2 | 'x'
                    --model tiny                                     | 2 | --prompt
                    --tokens 1 --prompt x --model tiny               | 2 | mutually exclusive
                    --message user=x --prompt x --model tiny         | 2 | mutually exclusive
                    --system x --model tiny                          | 2 | --message
                    --system x --prompt y --model tiny               | 2 | conversation
                    --message hello --model tiny                     | 2 | ROLE=TEXT
                    --message user=x --model bare                    | 6 | chat template
                    --tokens 1 --model tiny --capture blocks.1.hook  | 2 | closest
                    --tokens 1 --model tiny --capture hook_pos_embed | 6 | RoPE
                    --prompt hello --model bare                      | 6 | tokens
                    --tokens 1 --model tiny --engine warp            | 6 | torch
                    --tokens 1 --model tiny --precision int3         | 2 | fp32, fp16, bf16
                    --tokens 1 --model tiny --precision bf16         | 6 | instead
                    --tokens 1 --model tiny --out x.safetensors      | 2 | --capture
                    --tokens 1 --model tiny --intervene {            | 2 | line 1
                    --tokens 1 --model tiny --intervene {"hok":1}    | 2 | no such field
                    --tokens 1 --model tiny --intervene @nofile      | 3 | nofile
                    --tokens 1 --model tiny --temperature -1         | 2 | temperature
                    --tokens 1 --model tiny --capture * --capture-budget 1k   | 5 | at most
                    --tokens 1 --model tiny --capture-budget lots    | 2 | 512MiB
                    --tokens 1 --model tiny --bogus                  | 2 | --bogus
                    """)
    void aWrongArgumentIsAFewPlainLinesAndAnExitCode(String args, int code, String says) {
        Ended run = command("run", args.split(" +", -1));
        assertThat(run.code()).as(run.err()).isEqualTo(code);
        assertThat(run.err()).startsWith("inspector: ").contains(says);
        assertThat(run.err().lines().count()).isLessThan(9);
        assertThat(run.out()).isEmpty();
    }

    @Test
    void aPromptLongerThanTheContextHasAnExitCodeOfItsOwn() {
        Ended run = command("run", "--model", "tiny", "--tokens", "1" + ",1".repeat(299));
        assertThat(run.code()).isEqualTo(5);
        assertThat(run.err()).contains("at most 256 tokens").contains("300 tokens");
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

    @Test
    void aServerStartsAndStopsWhenTold() throws Exception {
        Path log = folder.resolve("serve.log");
        Process server = new ProcessBuilder(
                        Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                        "-cp",
                        System.getProperty("java.class.path"),
                        "org.llminspector.web.Main",
                        "serve",
                        "--port",
                        "0",
                        "--models",
                        models.toString(),
                        "--model",
                        "tiny",
                        "--runs-dir",
                        folder.resolve("serve-runs").toString())
                .redirectErrorStream(true)
                .redirectOutput(log.toFile())
                .start();
        try {
            for (int i = 0; i < 600 && !Files.readString(log).contains("is open"); i++) Thread.sleep(100);
            String said = Files.readString(log);
            assertThat(said)
                    .contains("LLM Inspector is at http://localhost:")
                    .contains("tiny is open: torch fp32 on cpu");
            java.net.URI runs =
                    java.net.URI.create(said.replaceAll("(?s).*(http://localhost:[0-9]+/).*", "$1") + "api/v1/runs");
            var client = java.net.http.HttpClient.newHttpClient();
            var answer = client.sendAsync(
                    java.net.http.HttpRequest.newBuilder(runs)
                            .POST(java.net.http.HttpRequest.BodyPublishers.ofString(
                                    "{\"tokens\":[1],\"generate\":{\"max_new_tokens\":255,\"ignore_eos\":true}}"))
                            .build(),
                    java.net.http.HttpResponse.BodyHandlers.ofString());
            var health =
                    java.net.http.HttpRequest.newBuilder(runs.resolve("health")).build();
            var text = java.net.http.HttpResponse.BodyHandlers.ofString();
            assertThat(Json.mapper()
                            .readTree(client.send(health, text).body())
                            .path("default_model")
                            .asText())
                    .isEqualTo("tiny");
            // A run that still waits when the server stops is refused instead.
            while (!answer.isDone()
                    && Json.mapper()
                                    .readTree(client.send(health, text).body())
                                    .at("/queue/running")
                                    .asInt()
                            == 0) {
                Thread.sleep(20);
            }
            Thread.sleep(300);
            server.destroy();
            assertThat(server.waitFor(30, java.util.concurrent.TimeUnit.SECONDS))
                    .isTrue();
            // The answer went out, whether the run was cut or had just finished, and the run was kept.
            assertThat(answer.join().statusCode()).isEqualTo(201);
            try (Stream<Path> kept = Files.list(folder.resolve("serve-runs"))) {
                assertThat(kept.filter(p -> p.getFileName().toString().matches("[0-9].*")))
                        .hasSize(1);
            }
        } finally {
            server.destroyForcibly();
        }
    }
}
