package org.llminspector.run.compare;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.llminspector.base.Problem;

/** Lines as lm-evaluation-harness 0.4 writes them. */
class AnswerFlipsTest {

    @TempDir
    Path folder;

    /** A question with two choices: the second is twice as long. */
    private static String choice(int id, double first, double second, int acc, int norm) {
        return "{\"doc_id\":" + id + ",\"doc\":{},\"target\":\"1\",\"filter\":\"none\",\"prompt_hash\":\"h" + id
                + "\",\"arguments\":{\"gen_args_0\":{\"arg_0\":\"q" + id + "\",\"arg_1\":\" abc\"},\"gen_args_1\":"
                + "{\"arg_0\":\"q" + id + "\",\"arg_1\":\" abcdef\"}},\"filtered_resps\":[[\"" + first
                + "\",\"False\"],[\"" + second + "\",\"True\"]],\"metrics\":[\"acc\",\"acc_norm\"],\"acc\":" + acc
                + ".0,\"acc_norm\":" + norm + ".0}";
    }

    private Path file(String name, String... lines) throws IOException {
        return Files.write(folder.resolve(name), List.of(lines));
    }

    @Test
    void whatOnlyOneAnswersRightIsLostOrWon() throws IOException {
        Path a = file(
                "a",
                choice(0, -9, -3, 1, 1),
                choice(1, -9, -3, 1, 1),
                choice(2, -3, -9, 0, 0),
                choice(3, -3, -9, 0, 0));
        Path b = file(
                "b",
                choice(3, -3, -8, 0, 0),
                choice(2, -9, -3, 1, 1),
                choice(1, -3, -9, 0, 0),
                choice(0, -9, -4, 1, 1));
        AnswerFlips flips = AnswerFlips.of(a, b, null);
        assertThat(flips.metric()).isEqualTo("acc");
        assertThat(List.of(flips.questions(), flips.bothRight(), flips.bothWrong(), flips.lost(), flips.won()))
                .containsExactly(4, 1, 1, 1, 1);
        assertThat(flips.a()).isEqualTo(0.5);
        assertThat(flips.b()).isEqualTo(0.5);
        assertThat(flips.p()).isEqualTo(1);
        assertThat(flips.flips())
                .containsExactly(
                        new AnswerFlips.Flip(1, "q1", "abcdef", "abcdef", "abc", true, false),
                        new AnswerFlips.Flip(2, "q2", "abcdef", "abc", "abcdef", false, true));
    }

    /** By length -5 of 3 letters is more than -9 of 6, and -5 is more than -12 of 6 but not by letter. */
    @Test
    void aMetricByLengthPicksByLength() throws IOException {
        Path a = file("a", choice(0, -5, -9, 0, 1));
        Path b = file("b", choice(0, -5, -12, 0, 0));
        assertThat(AnswerFlips.of(a, b, "acc").flips()).isEmpty();
        AnswerFlips.Flip flip = AnswerFlips.of(a, b, "acc_norm").flips().get(0);
        assertThat(flip.answerA()).isEqualTo("abcdef");
        assertThat(flip.answerB()).isEqualTo("abc");
    }

    @Test
    void writtenAnswersAreCompared() throws IOException {
        String said =
                "{\"doc_id\":0,\"target\":\"7\",\"filter\":\"strict\",\"arguments\":{\"gen_args_0\":{\"arg_0\":\"2+5?\","
                        + "\"arg_1\":{\"until\":[]}}},\"filtered_resps\":[\"%s\"],\"metrics\":[\"exact_match\"],\"exact_match\":%s}";
        AnswerFlips flips = AnswerFlips.of(
                file("a", String.format(said, "7", "1.0")), file("b", String.format(said, "8", "0.0")), null);
        assertThat(flips.flips()).containsExactly(new AnswerFlips.Flip(0, "2+5?", "7", "7", "8", true, false));
    }

    /** Binomial tails, by hand: 2 (1 + 10) / 2^10 of one against nine. */
    @Test
    void chanceIsMcNemars() {
        assertThat(AnswerFlips.chance(1, 9)).isCloseTo(22 / 1024., within(1e-12));
        assertThat(AnswerFlips.chance(0, 5)).isCloseTo(2 / 32., within(1e-12));
        assertThat(AnswerFlips.chance(4, 4)).isEqualTo(1);
        assertThat(AnswerFlips.chance(0, 0)).isEqualTo(1);
        assertThat(AnswerFlips.chance(900, 1100)).isCloseTo(8.45708953550381e-6, within(1e-15)); // scipy's binomtest
    }

    @Test
    void whatIsNotComparableIsRefused() throws IOException {
        Path a = file("a", choice(0, -9, -3, 1, 1));
        refused(a, file("other", choice(1, -9, -3, 1, 1)), null, "same questions", "0 are in both");
        refused(a, file("text", "once upon a time"), null, "text, line 1", "--log_samples");
        refused(a, file("empty"), null, "empty, line 1");
        refused(a, a, "f1", "f1 of 0 or 1", "acc_norm");
        refused(a, folder.resolve("none"), null, "none");
        String rolling = "{\"doc_id\":0,\"metrics\":[\"word_perplexity\"],\"word_perplexity\":[-3.5,2]}";
        refused(file("rolling", rolling), a, null, "acc or exact_match");
    }

    private static void refused(Path a, Path b, String metric, String... words) {
        assertThatThrownBy(() -> AnswerFlips.of(a, b, metric))
                .isInstanceOf(Problem.class)
                .hasMessageContainingAll(words);
    }
}
