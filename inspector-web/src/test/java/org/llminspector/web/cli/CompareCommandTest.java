package org.llminspector.web.cli;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.llminspector.base.Json;

/** Comparisons from the shell, and their conditions. */
class CompareCommandTest extends CommandTest {

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
}
