package org.llminspector.web.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.llminspector.base.Json;
import org.llminspector.web.TinyModels;

/** Sweeps from the shell: shares of the shards, the merge, conditions and their exit codes. */
class SweepCommandTest {

    record Ended(int code, String out, String err) {}

    @TempDir
    static Path folder;

    private static Path models;
    private static Path corpus;

    @BeforeAll
    static void models() throws IOException {
        models = TinyModels.in(folder);
        corpus = Files.writeString(
                folder.resolve("cats.jsonl"),
                "{\"id\": \"a\", \"text\": \"the cat sat on the mat\"}\n{\"text\": 3}\n{\"text\": \"the mat, the cat\"}\n");
    }

    private static Ended sweep(String... args) {
        List<String> all = new ArrayList<>(List.of("sweep"));
        all.addAll(List.of(args));
        return command(all);
    }

    private static Ended command(List<String> args) {
        List<String> all = new ArrayList<>(args);
        all.addAll(List.of("--model-root", models.toString()));
        StringWriter out = new StringWriter();
        StringWriter err = new StringWriter();
        int code = InspectorCommand.run(new PrintWriter(out), new PrintWriter(err), all.toArray(String[]::new));
        assertThat(err.toString()).doesNotContain("\tat ");
        return new Ended(code, out.toString(), err.toString());
    }

    private static Ended over(Path out, String... more) {
        List<String> all = new ArrayList<>(List.of("--corpus", corpus.toString(), "--out", out.toString()));
        all.addAll(List.of("--model", "tiny", "--window", "8", "--shard-windows", "1"));
        all.addAll(List.of(more));
        return sweep(all.toArray(String[]::new));
    }

    @Test
    void sharesAreMergedOnceAllAreThere() {
        Path out = folder.resolve("shares");
        Ended refused = over(out);
        assertThat(refused.code()).isEqualTo(2);
        assertThat(refused.err()).contains("cats.jsonl:2", "NUMBER");
        Ended first = over(out, "--skip-bad-lines", "--shard", "0/2");
        assertThat(first.code()).as(first.err()).isZero();
        assertThat(first.out()).contains("waiting for the parts", "inspector sweep merge");
        assertThat(first.err())
                .contains("1 bad line left out: cats.jsonl:2", "memory ", "(weights ", "a batch's values ")
                .doesNotContain("A's logits")
                .containsPattern(
                        "about \\d+ s for [\\d,]+ tokens, at [\\d,]+ tokens per second \\(measured on a batch\\)");
        Ended early = sweep("merge", out.toString(), "--model", "tiny");
        assertThat(early.code()).isEqualTo(4);
        assertThat(early.err()).contains("parts of the sweep are missing", "of the shards 1");
        assertThat(over(out, "--skip-bad-lines", "--shard", "1/2").out())
                .contains("loss", "perplexity", "moments.safetensors");
        Ended merged = sweep("merge", out.toString(), "--model", "tiny");
        assertThat(merged.code()).as(merged.err()).isZero();
        assertThat(merged.out()).contains("95 % over documents", "perplexity");
        assertThat(over(out, "--shard", "2/2").code()).isEqualTo(2);
        assertThat(sweep("--out", out.toString()).err()).contains("--corpus");
        assertThat(sweep("--corpus", corpus.toString()).err()).contains("--out");
    }

    private static Ended compare(String... more) {
        List<String> all = new ArrayList<>(List.of("compare", "--corpus", corpus.toString(), "--skip-bad-lines"));
        all.addAll(List.of("--model", "tiny", "--window", "8", "--no-cost", "--floor", "none"));
        all.addAll(List.of("--a", "engine=onnx", "--b", "engine=onnx,precision=int8"));
        all.addAll(List.of(more));
        return command(all);
    }

    /** A comparison over a corpus says what the sweep of both sides says, and has its conditions. */
    @Test
    void aComparisonHasTheCorpusAndItsConditions() throws IOException {
        Path out = folder.resolve("same");
        String[] pair = {"--skip-bad-lines", "--engine", "onnx", "--b", "engine=onnx,precision=int8", "--reduce", "loss"
        };
        List<String> swept = over(out, pair).out().lines().toList();
        Ended told = compare();
        assertThat(told.code()).as(told.err()).isZero();
        assertThat(told.out()).contains("Over 2 documents of ", "1 bad line left out");
        for (String line : List.of("KL(A || B)", "KL(B || A)", "B's loss", "same top", "worst")) {
            String found =
                    swept.stream().filter(l -> l.startsWith(line)).findFirst().orElseThrow();
            assertThat(told.out().lines()).contains(found);
        }
        Ended failed = compare("--fail-if", "mean_kld.high>0", "--fail-if", "same_top<-1");
        assertThat(failed.code()).isEqualTo(Gate.EXIT_CODE);
        assertThat(failed.err()).contains("FAILED: mean_kld.high is ").doesNotContain("same_top is");
        assertThat(compare("--fail-if", "mean_kld.high>1000").code()).isZero();
        assertThat(compare("--fail-if", "corpus.divergence.worst.0.mean_kld>1000")
                        .code())
                .isZero();
        Ended without = command(List.of(
                "compare",
                "--model",
                "tiny",
                "--prompt",
                "the cat",
                "--b",
                "engine=onnx",
                "--fail-if",
                "mean_kld.high>1"));
        assertThat(without.code()).isEqualTo(2);
        assertThat(without.err()).contains("--corpus");
        Ended bad = command(List.of("compare", "--model", "tiny", "--corpus", corpus.toString(), "--b", "engine=onnx"));
        assertThat(bad.code()).isEqualTo(2);
        assertThat(bad.err()).contains("cats.jsonl:2");
    }

    @Test
    void aConditionEndsWithExitCode10() throws IOException {
        Path out = folder.resolve("gate");
        String[] pair = {"--skip-bad-lines", "--engine", "onnx", "--b", "engine=onnx,precision=int8", "--reduce", "loss"
        };
        Ended told = over(out, pair);
        assertThat(told.code()).as(told.err()).isZero();
        assertThat(told.out()).contains("KL(A || B)", "same top", "worst");
        assertThat(told.err()).contains("A's logits ");
        List<String> gates = new ArrayList<>(List.of(pair));
        gates.addAll(List.of("--fail-if", "mean_kld.high>0", "--fail-if", "loss.perplexity<0"));
        Ended failed = over(out, gates.toArray(String[]::new));
        assertThat(failed.code()).isEqualTo(Gate.EXIT_CODE);
        assertThat(failed.err()).contains("mean_kld.high is ", "fails > 0").doesNotContain("perplexity is");
        gates.set(gates.size() - 3, "mean_kld>1000");
        assertThat(over(out, gates.toArray(String[]::new)).code()).isZero();
        gates.set(gates.size() - 3, "kld>1");
        Ended unknown = over(out, gates.toArray(String[]::new));
        assertThat(unknown.code()).isEqualTo(2);
        assertThat(unknown.err()).contains("delta_nll", "mean_kld");
        assertThat(Json.readObject(out.resolve("sweep.json"))
                        .at("/engine_b/precision")
                        .asText())
                .isEqualTo("int8");
    }
}
