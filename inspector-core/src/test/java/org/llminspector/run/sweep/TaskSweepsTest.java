package org.llminspector.run.sweep;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.function.Function;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.llminspector.base.Json;
import org.llminspector.base.Problem;
import org.llminspector.golden.Golden;
import org.llminspector.run.Inspector;
import org.llminspector.run.InspectorConfig;
import org.llminspector.run.TextModel;
import org.llminspector.run.request.RunRequest;
import org.llminspector.run.request.SweepRequest;
import org.llminspector.run.request.SweepRequestBuilder;
import org.llminspector.run.sweep.Sweeps.Done;
import org.llminspector.run.sweep.Sweeps.Share;

/** Evaluations: against lm-evaluation-harness's own HFLM (scripts/golden/make_loglikelihoods.py), and in parts. */
class TaskSweepsTest {

    private static final Path GOLDEN = Golden.ROOT.resolveSibling("loglikelihood");
    private static final Path TASKS = GOLDEN.resolve("tasks.jsonl");

    @TempDir
    static Path temp;

    private static Inspector inspector;

    @BeforeAll
    static void open() {
        inspector = Inspector.open(new InspectorConfig(
                List.of(Path.of("../model-cache")), TextModel.make(temp), temp.resolve("runs"), 1L << 30, 1 << 28, 4));
    }

    @AfterAll
    static void close() {
        inspector.close();
    }

    private static SweepRequestBuilder request(String model, Path tasks) {
        return SweepRequestBuilder.builder()
                .a(RunRequest.builder().model(model).build())
                .corpus(new SweepRequest.Texts(tasks.toString(), null, null, null, null, null))
                .reduce(List.of("loglikelihood"));
    }

    private static Done run(SweepRequestBuilder request, String folder, Share share) {
        return inspector
                .sweeps()
                .run(request.build(), temp.resolve(folder), share, Sweeps.MOST_BYTES, SweepListener.NONE);
    }

    private static Done run(SweepRequestBuilder request, String folder) {
        return run(request, folder, Share.ALL);
    }

    private static List<JsonNode> lines(Done done) throws IOException {
        List<JsonNode> lines = new ArrayList<>();
        for (String line : Files.readAllLines(done.files().get("evaluation.jsonl")))
            lines.add(Json.mapper().readTree(line));
        return lines;
    }

    private static JsonNode summary(Done done) {
        return Json.readObject(done.files().get("evaluation.json"));
    }

    private static <T> List<T> list(JsonNode array, Function<JsonNode, T> value) {
        List<T> values = new ArrayList<>();
        for (JsonNode n : array) values.add(value.apply(n));
        return values;
    }

    @ParameterizedTest
    @CsvSource({"tales-4m, torch", "tales-4m, onnx", "tiny-text, torch", "tiny-text, onnx"})
    void theNumbersAreTheHarnesss(String model, String engine) throws IOException {
        JsonNode golden = Json.readObject(GOLDEN.resolve("golden.json")).get(model);
        Done done = run(
                request(model, TASKS)
                        .a(RunRequest.builder().model(model).engine(engine).build()),
                model + "-" + engine);
        List<JsonNode> found = lines(done);
        assertThat(found).hasSameSizeAs(golden.get("lines"));
        for (int i = 0; i < found.size(); i++) {
            JsonNode theirs = golden.get("lines").get(i);
            JsonNode ours = found.get(i);
            for (int c = 0; c < theirs.get("logprob").size(); c++) {
                double value = theirs.get("logprob").get(c).asDouble();
                assertThat(ours.get("logprob").get(c).asDouble())
                        .as("line " + i + ", choice " + c)
                        .isCloseTo(value, within(1e-4 + 2e-6 * Math.abs(value)));
                JsonNode tokens = theirs.get("tokens").get(c);
                if (!tokens.isNull())
                    assertThat(ours.get("tokens").get(c).asInt()).isEqualTo(tokens.asInt());
            }
            assertThat(list(ours.get("greedy"), JsonNode::asBoolean))
                    .as("line " + i)
                    .isEqualTo(list(theirs.get("greedy"), JsonNode::asBoolean));
            for (String picked : List.of("by_logprob", "by_characters", "by_bytes")) {
                assertThat(ours.get(picked)).as(picked + " of line " + i).isEqualTo(theirs.get(picked));
            }
        }
        JsonNode said = summary(done);
        mean(said.get("choices").get("acc"), golden.get("acc"), 1e-12);
        mean(said.get("choices").get("acc_norm"), golden.get("acc_norm"), 1e-12);
        mean(said.get("choices").get("acc_bytes"), golden.get("acc_bytes"), 1e-12);
        mean(said.get("continuations").get("greedy"), golden.get("greedy"), 1e-12);
        mean(said.get("continuations").get("logprob"), golden.get("logprob"), 1e-3);
        assertThat(said.get("truncated").asInt()).isEqualTo(5);
        assertThat(said.get("nonfinite").asInt()).isZero();
        assertThat(found.get(1).get("id").asText()).isEqualTo("girl");
        assertThat(found.get(0).get("id").asText()).isEqualTo("tasks.jsonl:1");
    }

    private static void mean(JsonNode found, JsonNode golden, double within) {
        assertThat(found.get("value").asDouble()).isCloseTo(golden.get(0).asDouble(), within(within));
        assertThat(found.get("stderr").asDouble()).isCloseTo(golden.get(1).asDouble(), within(within));
    }

    /** Two processes' shards, one after the other, and the results of one that computed them all. */
    @Test
    void sharesHaveTheSameBits() throws IOException {
        SweepRequestBuilder request = request("tales-4m", TASKS).shardWindows(3);
        Done whole = run(request, "whole");
        assertThat(whole.manifest().parts()).hasSizeGreaterThan(10);
        assertThat(whole.files().keySet()).containsExactly("loglikelihood", "evaluation.json", "evaluation.jsonl");
        Done first = run(request, "shares", new Share(0, 2));
        assertThat(first.files()).isEmpty();
        Done second = run(request, "shares", new Share(1, 2));
        whole.files()
                .forEach((name, file) -> assertThat(second.files().get(name)).hasSameBinaryContentAs(file));
        assertThat(run(request, "shares").computed()).isZero();
        Files.delete(second.files().get("evaluation.jsonl"));
        Done merged = inspector.sweeps().merge(temp.resolve("shares"), null);
        assertThat(merged.files().get("evaluation.jsonl"))
                .hasSameBinaryContentAs(whole.files().get("evaluation.jsonl"));
    }

    /** As after a disk's failure: the part is named, and without it the sweep goes on. */
    @Test
    void aDamagedPartIsNamedAndAloneIsComputedAgain() throws IOException {
        SweepRequestBuilder request = request("tales-4m", TASKS).shardWindows(16);
        Done whole = run(request, "damaged");
        byte[] evaluation = Files.readAllBytes(whole.files().get("evaluation.json"));
        Path part = new SweepFolder(temp.resolve("damaged"))
                .part(whole.manifest().parts().get(1));
        Files.write(part, Arrays.copyOf(Files.readAllBytes(part), 100));
        assertThatThrownBy(() -> run(request, "damaged")).isInstanceOfSatisfying(Problem.class, p -> {
            assertThat(p.what()).isEqualTo("a part of the sweep is damaged");
            assertThat(p.where()).isEqualTo(part.toString());
        });
        Files.delete(part);
        Done again = run(request, "damaged");
        assertThat(again.computed()).isEqualTo(1);
        assertThat(again.files().get("evaluation.json")).hasBinaryContent(evaluation);
    }

    @Test
    void badLinesAreCountedOrRefusedWithTheirPlace() throws IOException {
        Path tasks = Files.writeString(temp.resolve("bad.jsonl"), """
                {"context": "The", "continuation": " cat"}
                no JSON
                {"context": "The", "continuation": ""}
                {"context": "The"}
                {"context": "The", "choices": [" cat", " dog"], "answer": 2}
                {"context": "The", "choices": [" cat"], "answer": 0}
                {"context": "The", "choices": [" cat", " dog"], "answer": 1}
                """);
        SweepRequestBuilder skipping = request("tales-4m", tasks)
                .corpus(new SweepRequest.Texts(tasks.toString(), null, null, null, null, true));
        Done done = run(skipping, "bad");
        assertThat(lines(done)).hasSize(2);
        assertThat(done.manifest().badLines()).isEqualTo(5);
        assertThat(done.manifest().firstBadLines()).allMatch(l -> l.matches("bad.jsonl:[2-6]: .*"));
        assertThatThrownBy(() -> run(request("tales-4m", tasks), "refused"))
                .isInstanceOfSatisfying(
                        Problem.class, p -> assertThat(p.where()).isEqualTo("bad.jsonl:2"));
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "{\"context\": \"The\", \"continuation\": \"\"}",
                "{\"context\": \"The\", \"choices\": [\" cat\", \"\"], \"answer\": 0}",
                "{\"continuation\": \" cat\"}",
                "{\"context\": \"The\", \"continuation\": \" cat\", \"choices\": [\"a\", \"b\"], \"answer\": 0}",
                "{\"context\": \"The\", \"choices\": \"ab\", \"answer\": 0}",
                "{\"context\": \"The\", \"choices\": [\"a\", \"b\"]}"
            })
    void whatCannotBeScoredIsRefused(String line) throws IOException {
        Path tasks = Files.writeString(temp.resolve("one.jsonl"), line);
        assertThatThrownBy(() -> run(request("tales-4m", tasks), "one")).isInstanceOfSatisfying(Problem.class, p -> {
            assertThat(p.where()).startsWith("one.jsonl:1");
            assertThat(p.kind()).isEqualTo(Problem.Kind.INVALID);
        });
    }

    @Test
    void aContinuationLongerThanTheContextIsRefused() throws IOException {
        Path tasks = Files.writeString(
                temp.resolve("long.jsonl"),
                "{\"context\": \"The\", \"continuation\": \"" + " cat sat".repeat(600) + "\"}");
        assertThatThrownBy(() -> run(request("tales-4m", tasks), "long")).isInstanceOfSatisfying(Problem.class, p -> {
            assertThat(p.what()).contains("longer than the model's context");
            assertThat(p.found()).isEqualTo("1200");
        });
    }

    @Test
    void anEvaluationIsOfOneModelAndKeepsNothingElse() {
        assertThatThrownBy(() -> run(request("tales-4m", TASKS).reduce(List.of("loglikelihood", "loss")), "x"))
                .isInstanceOf(Problem.class)
                .hasMessageContaining("loglikelihood alone");
        assertThatThrownBy(() ->
                        run(request("tales-4m", TASKS).b(RunRequest.builder().build()), "x"))
                .isInstanceOf(Problem.class)
                .hasMessageContaining("a side b");
        SweepRequest.Texts field = new SweepRequest.Texts(TASKS.toString(), null, "context", null, null, null);
        assertThatThrownBy(() -> run(request("tales-4m", TASKS).corpus(field), "x"))
                .isInstanceOf(Problem.class)
                .hasMessageContaining("fields of their own");
        assertThatThrownBy(() -> run(request("tales-4m", temp.resolve("none.jsonl")), "x"))
                .isInstanceOfSatisfying(Problem.class, p -> assertThat(p.kind()).isEqualTo(Problem.Kind.NOT_FOUND));
    }

    /** A later request into the same folder leaves nothing of this one's. */
    @Test
    void anotherRequestsResultsAreDeleted() throws IOException {
        Path tasks =
                Files.writeString(temp.resolve("two.jsonl"), "{\"context\": \"The\", \"continuation\": \" cat\"}\n");
        Path evaluation = run(request("tales-4m", tasks), "again").files().get("evaluation.json");
        assertThat(evaluation).exists();
        Path texts = Files.writeString(temp.resolve("two.txt"), "The cat sat.");
        Done loss = run(
                request("tales-4m", tasks)
                        .corpus(new SweepRequest.Texts(texts.toString(), null, null, null, null, null))
                        .reduce(List.of("loss")),
                "again");
        assertThat(loss.files().keySet()).containsExactly("loss");
        assertThat(Arrays.asList(
                        evaluation.toFile().exists(),
                        evaluation.resolveSibling("evaluation.jsonl").toFile().exists()))
                .containsOnly(false);
    }
}
