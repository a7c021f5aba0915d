package org.llminspector.run.evaluate;

import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import java.util.function.Function;

/**
 * What a model's log-likelihoods of a file of tasks come to: {@code evaluation.json}.
 *
 * @param continuations of lines with one continuation; null where there are none
 * @param choices of lines with choices; null where there are none
 * @param truncated rows whose context lost its beginning to the model's context
 * @param nonfinite rows whose log-probability is NaN: their lines are wrong, and in no mean
 */
public record Evaluation(Continuations continuations, Choices choices, long truncated, long nonfinite) {

    /**
     * A mean over lines.
     *
     * @param stderr standard error, as lm-evaluation-harness has it: the sample's standard deviation (n - 1) over the root of
     *     n; null for one line
     */
    public record Mean(double value, Double stderr) {}

    /**
     * Lines with one continuation.
     *
     * @param tokens of all continuations
     * @param logprob mean of a continuation's log-probability, nats
     * @param perplexity e to -logprob, of whole continuations: the harness's {@code perplexity} of LAMBADA
     * @param tokenPerplexity e to the mean of a token's -ln p
     * @param greedy share that greedy decoding would have said: the harness's {@code acc} of LAMBADA
     */
    public record Continuations(
            long lines, long tokens, Mean logprob, Double perplexity, Double tokenPerplexity, Mean greedy) {}

    /**
     * Lines with choices: shares of lines whose right choice is chosen.
     *
     * @param acc by log-probability
     * @param accNorm by log-probability per character, as {@code acc_norm} of the harness
     * @param accBytes by log-probability per byte, as {@code acc_bytes} of it
     * @param chance what choosing at random would have
     */
    public record Choices(long lines, Mean acc, Mean accNorm, Mean accBytes, double chance) {}

    /** @param truncated rows whose context was cut */
    public static Evaluation of(List<TaskResult> lines, long truncated) {
        long nonfinite = lines.stream()
                .flatMap(l -> l.logprob().stream())
                .filter(Objects::isNull)
                .count();
        return new Evaluation(
                continuations(lines.stream().filter(l -> l.answer() == null).toList()),
                choices(lines.stream().filter(l -> l.answer() != null).toList()),
                truncated,
                nonfinite);
    }

    private static Continuations continuations(List<TaskResult> lines) {
        if (lines.isEmpty()) return null;
        List<TaskResult> finite =
                lines.stream().filter(l -> l.logprob().get(0) != null).toList();
        double[] logprob = finite.stream().mapToDouble(l -> l.logprob().get(0)).toArray();
        long tokens = finite.stream().mapToLong(l -> l.tokens().get(0)).sum();
        Mean mean = mean(logprob);
        return new Continuations(
                lines.size(),
                lines.stream().mapToLong(l -> l.tokens().get(0)).sum(),
                mean,
                mean == null ? null : Math.exp(-mean.value()),
                mean == null ? null : Math.exp(-sum(logprob) / tokens),
                share(lines, l -> l.greedy().get(0)));
    }

    private static Choices choices(List<TaskResult> lines) {
        if (lines.isEmpty()) return null;
        return new Choices(
                lines.size(),
                share(lines, l -> l.answer().equals(l.byLogprob())),
                share(lines, l -> l.answer().equals(l.byCharacters())),
                share(lines, l -> l.answer().equals(l.byBytes())),
                sum(lines.stream().mapToDouble(l -> 1.0 / l.logprob().size()).toArray()) / lines.size());
    }

    private static Mean share(List<TaskResult> lines, Function<TaskResult, Boolean> right) {
        return mean(lines.stream().mapToDouble(l -> right.apply(l) ? 1 : 0).toArray());
    }

    private static Mean mean(double[] values) {
        int n = values.length;
        if (n == 0) return null;
        double mean = sum(values) / n;
        if (n == 1) return new Mean(mean, null);
        double squares =
                sum(Arrays.stream(values).map(v -> (v - mean) * (v - mean)).toArray());
        return new Mean(mean, Math.sqrt(squares / (n - 1)) / Math.sqrt(n));
    }

    /** In their order, so that every machine has the same bits. */
    private static double sum(double[] values) {
        double sum = 0;
        for (double v : values) sum += v;
        return sum;
    }
}
