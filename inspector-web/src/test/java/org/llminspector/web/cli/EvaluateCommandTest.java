package org.llminspector.web.cli;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.llminspector.base.Json;
import org.llminspector.web.TinyModels;

/** Evaluations on tasks from the shell: what they print, shares of the shards, and what is refused. */
class EvaluateCommandTest {

    record Ended(int code, String out, String err) {}

    @TempDir
    static Path folder;

    private static Path models;
    private static Path tasks;

    @BeforeAll
    static void models() throws IOException {
        models = TinyModels.in(folder);
        tasks = Files.writeString(folder.resolve("tasks.jsonl"), """
                {"id": "a", "context": "the cat", "choices": [" sat", " mat"], "answer": 0}
                {"id": "b", "context": "the cat", "choices": [" sat", " mat"], "answer": 1}
                {"id": "c", "context": "the mat", "continuation": " sat on the cat"}
                """);
    }

    private static Ended command(String... args) {
        List<String> all = new ArrayList<>(List.of(args));
        all.addAll(List.of("--model", "tiny", "--model-root", models.toString()));
        StringWriter out = new StringWriter();
        StringWriter err = new StringWriter();
        int code = InspectorCommand.run(new PrintWriter(out), new PrintWriter(err), all.toArray(String[]::new));
        assertThat(err.toString()).doesNotContain("\tat ");
        return new Ended(code, out.toString(), err.toString());
    }

    private static Ended evaluate(String... args) {
        List<String> all = new ArrayList<>(List.of("evaluate", "--tasks", tasks.toString()));
        all.addAll(List.of(args));
        return command(all.toArray(String[]::new));
    }

    /** The lines with numbers, not those with times and files. */
    private static List<String> numbers(String text) {
        return text.lines()
                .filter(l -> l.matches("(acc|acc_norm|acc_bytes|logprob|perplexity|greedy) .*"))
                .toList();
    }

    @Test
    void whatIsPrintedIsWhatIsKept() throws IOException {
        Path out = folder.resolve("kept");
        Ended told = evaluate("--out", out.toString());
        assertThat(told.code()).as(told.err()).isZero();
        assertThat(told.err()).contains("3 tasks, 5 continuations");
        JsonNode kept = Json.readObject(out.resolve("evaluation.json"));
        List<String> numbers = numbers(told.out());
        // The model chooses the same of two equal tasks, whose answers differ.
        assertThat(numbers.get(0))
                .isEqualTo("acc          0.5000 (standard error 0.5000) of 2 tasks with choices; by chance 0.5000");
        assertThat(numbers)
                .contains(String.format(
                        Locale.ROOT,
                        "logprob      %.4f nats, the mean of a continuation",
                        kept.at("/continuations/logprob/value").asDouble()))
                .hasSize(6);
        assertThat(told.out()).contains(out.resolve("evaluation.jsonl").toString());
        // Without a folder nothing is kept, and the numbers are the same; a sweep prints them too.
        Ended again = evaluate();
        assertThat(numbers(again.out())).isEqualTo(numbers);
        assertThat(again.out()).doesNotContain("evaluation.json");
        Ended swept = command(
                "sweep",
                "--reduce",
                "loglikelihood",
                "--corpus",
                tasks.toString(),
                "--out",
                folder.resolve("sweep").toString());
        assertThat(numbers(swept.out())).as(swept.err()).isEqualTo(numbers);
        assertThat(Json.mapper().readTree(evaluate("--json").out()).path("evaluation"))
                .isEqualTo(kept);
    }

    @Test
    void sharesSayWhatIsMissingUntilAllAreThere() throws IOException {
        String out = folder.resolve("shares").toString();
        String[] first = {"--out", out, "--shard-windows", "1", "--shard", "0/2"};
        Ended half = evaluate(first);
        assertThat(half.code()).as(half.err()).isZero();
        assertThat(half.out()).contains("waiting for the parts of 2 shards (1, 3)");
        assertThat(numbers(half.out())).isEmpty();
        first[5] = "1/2";
        List<String> json = new ArrayList<>(List.of(first));
        json.add("--json");
        JsonNode whole =
                Json.mapper().readTree(evaluate(json.toArray(String[]::new)).out());
        assertThat(whole.path("missing")).isEmpty();
        assertThat(whole.at("/evaluation/choices/acc/value").asDouble()).isEqualTo(0.5);
        Ended merged = command("sweep", "merge", out);
        assertThat(numbers(merged.out())).as(merged.err()).hasSize(6);
    }

    @Test
    void whatCannotBeEvaluatedIsRefused() throws IOException {
        assertThat(evaluate("--shard", "0/2").err()).contains("--out");
        assertThat(evaluate("--shard", "0/2").code()).isEqualTo(2);
        assertThat(evaluate("--stories", "3").err()).contains("on tasks or on the tales");
        assertThat(command("evaluate", "--limit", "3").err()).contains("--tasks");
        assertThat(command("evaluate", "--engine", "onnx").err()).contains("--tasks");
        Path bad = Files.writeString(folder.resolve("bad.jsonl"), Files.readString(tasks) + "{\"context\": \"the\"}\n");
        Ended refused = command("evaluate", "--tasks", bad.toString());
        assertThat(refused.code()).isEqualTo(2);
        assertThat(refused.err()).contains("bad.jsonl:4", "--skip-bad-lines");
        Ended counted = command("evaluate", "--tasks", bad.toString(), "--skip-bad-lines");
        assertThat(counted.code()).as(counted.err()).isZero();
        assertThat(counted.err()).contains("1 bad line left out: bad.jsonl:4", "3 tasks");
        assertThat(evaluate("--limit", "1").err()).contains("1 task, 2 continuations");
        assertThat(command("evaluate", "--tasks", folder.resolve("none.jsonl").toString())
                        .code())
                .isEqualTo(3);
    }
}
