package org.llminspector.run.compare;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.UncheckedIOException;
import java.math.BigDecimal;
import java.math.BigInteger;
import java.math.MathContext;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.llminspector.base.Json;
import org.llminspector.base.Problem;
import org.llminspector.base.Reads;

/**
 * Differences between two models' answers to the same questions: two files of lm-evaluation-harness ({@code
 * --log_samples}), one question per line.
 *
 * @param metric that says which answers are right: 1, or wrong: 0
 * @param questions in both files
 * @param a share of right answers in the first file, and b in the second
 * @param bothRight questions that both answer right, and bothWrong that neither does
 * @param lost that only the first answers right, and won that only the second does
 * @param changed that are answered differently, right or not
 * @param p probability of a difference between lost and won at least this large if neither model were better: McNemar's
 *     exact test (Psychometrika 12, 1947), two-sided
 * @param flips questions answered differently, in the first file's order
 */
public record AnswerFlips(
        String metric,
        int questions,
        double a,
        double b,
        int bothRight,
        int bothWrong,
        int lost,
        int won,
        int changed,
        double p,
        List<Flip> flips) {

    /**
     * One question with different answers.
     *
     * @param id the harness's doc_id
     * @param question the prompt
     * @param target the task's right answer
     * @param answerA the choice with the largest log-likelihood (per length where the metric says so), or the generated
     *     text
     */
    public record Flip(
            long id, String question, String target, String answerA, String answerB, boolean rightA, boolean rightB) {}

    private record Sample(long id, String question, String target, String answer, boolean right) {}

    /**
     * @param metric null for the file's first metric that is 0 or 1 for each question
     * @throws Problem INVALID for a file that is not the harness's, an unknown metric, or files of different questions
     */
    public static AnswerFlips of(Path a, Path b, String metric) {
        List<JsonNode> first = lines(a);
        String by = metric == null ? metric(first.get(0), a) : metric;
        Map<String, Sample> before = samples(first, a, by);
        Map<String, Sample> after = samples(lines(b), b, by);
        if (!before.keySet().equals(after.keySet())) {
            throw Problem.invalid("the files are not of the same questions")
                    .where(a + ", " + b)
                    .expected(before.size() + " questions with the same doc_id and prompt")
                    .found(after.size() + ", of which "
                            + after.keySet().stream()
                                    .filter(before::containsKey)
                                    .count() + " are in both")
                    .instead("run the same task, with the same --limit and --num_fewshot, for both");
        }
        int[][] counts = new int[2][2]; // [right in a][right in b]
        List<Flip> flips = new ArrayList<>();
        before.forEach((key, x) -> {
            Sample y = after.get(key);
            counts[x.right() ? 1 : 0][y.right() ? 1 : 0]++;
            if (x.answer().equals(y.answer()) && x.right() == y.right()) return;
            flips.add(new Flip(x.id(), x.question(), x.target(), x.answer(), y.answer(), x.right(), y.right()));
        });
        int n = before.size();
        int lost = counts[1][0];
        int won = counts[0][1];
        return new AnswerFlips(
                by,
                n,
                (double) (counts[1][1] + lost) / n,
                (double) (counts[1][1] + won) / n,
                counts[1][1],
                counts[0][0],
                lost,
                won,
                flips.size(),
                chance(lost, won),
                flips);
    }

    /** 2 P(X <= min(lost, won)) for X binomial with n = lost + won and p = 1/2, at most 1. */
    static double chance(int lost, int won) {
        int n = lost + won;
        BigInteger term = BigInteger.ONE; // C(n, k)
        BigInteger sum = BigInteger.ZERO;
        for (int k = 0; k <= Math.min(lost, won); k++) {
            sum = sum.add(term);
            term = term.multiply(BigInteger.valueOf(n - k)).divide(BigInteger.valueOf(k + 1L));
        }
        BigDecimal share = new BigDecimal(sum).divide(new BigDecimal(BigInteger.TWO.pow(n)), MathContext.DECIMAL64);
        return Math.min(1, 2 * share.doubleValue());
    }

    private static List<JsonNode> lines(Path file) {
        List<JsonNode> lines = new ArrayList<>();
        try (BufferedReader reader =
                new BufferedReader(new InputStreamReader(Reads.stream(file), StandardCharsets.UTF_8.newDecoder()))) {
            for (String line = reader.readLine(); line != null; line = reader.readLine()) {
                if (!line.isBlank()) lines.add(Json.mapper().readTree(line));
            }
        } catch (JsonProcessingException e) {
            throw wrong(file, lines.size() + 1, "one JSON object per line", "something else")
                    .causedBy(e);
        } catch (IOException | UncheckedIOException e) {
            throw Problem.invalid("the file cannot be read")
                    .where(file)
                    .found(e.getMessage())
                    .causedBy(e);
        }
        if (lines.isEmpty()) throw wrong(file, 1, "a question per line", "nothing");
        return lines;
    }

    private static Problem wrong(Path file, int line, String expected, Object found) {
        return Problem.invalid("the file is not one of lm-evaluation-harness's samples")
                .where(file + ", line " + line)
                .expected(expected)
                .found(found)
                .instead(
                        "run lm_eval with --log_samples --output_path DIR, and give a DIR/.../samples_TASK_TIME.jsonl");
    }

    private static String metric(JsonNode first, Path file) {
        for (JsonNode name : first.path("metrics")) {
            if (isBinary(first.path(name.asText()))) return name.asText();
        }
        throw wrong(file, 1, "a metric that is 0 or 1, such as acc or exact_match", first.path("metrics"));
    }

    private static boolean isBinary(JsonNode value) {
        return value.isBoolean() || (value.isNumber() && (value.asDouble() == 0 || value.asDouble() == 1));
    }

    private static Map<String, Sample> samples(List<JsonNode> lines, Path file, String metric) {
        Map<String, Sample> samples = new LinkedHashMap<>();
        for (int i = 0; i < lines.size(); i++) {
            JsonNode line = lines.get(i);
            JsonNode value = line.path(metric);
            if (!line.path("doc_id").isIntegralNumber() || !isBinary(value)) {
                throw wrong(file, i + 1, "doc_id, and " + metric + " of 0 or 1", "metrics " + line.path("metrics"));
            }
            JsonNode prompt = line.path("arguments").path("gen_args_0").path("arg_0");
            String key =
                    line.path("doc_id").asText() + "/" + line.path("filter").asText() + "/"
                            + line.path("prompt_hash").asText(prompt.toString());
            boolean right = value.isBoolean() ? value.asBoolean() : value.asDouble() == 1;
            samples.put(
                    key,
                    new Sample(
                            line.path("doc_id").asLong(),
                            prompt.isTextual() ? prompt.asText() : prompt.toString(),
                            target(line),
                            answer(line, metric.endsWith("_norm")),
                            right));
        }
        return samples;
    }

    /** The right choice's text where the task numbers its choices. */
    private static String target(JsonNode line) {
        String target = line.path("target").isTextual()
                ? line.path("target").asText()
                : line.path("target").toString();
        String choice = target.matches("[0-9]{1,4}") ? choice(line, Integer.parseInt(target)) : "";
        return choice.isEmpty() ? target : choice;
    }

    private static String choice(JsonNode line, int index) {
        return line.path("arguments")
                .path("gen_args_" + index)
                .path("arg_1")
                .asText("")
                .strip();
    }

    private static String answer(JsonNode line, boolean byLength) {
        JsonNode responses = line.path("filtered_resps");
        if (!responses.path(0).isArray())
            return responses.path(0).asText(responses.toString()).strip();
        int best = -1;
        double most = Double.NEGATIVE_INFINITY;
        for (int i = 0; i < responses.size(); i++) {
            double logLikelihood = responses.get(i).path(0).asDouble(Double.NEGATIVE_INFINITY);
            if (byLength) logLikelihood /= Math.max(1, choice(line, i).length());
            if (logLikelihood <= most) continue;
            best = i;
            most = logLikelihood;
        }
        String words = best < 0 ? "" : choice(line, best);
        return words.isEmpty() ? String.valueOf(best) : words;
    }
}
