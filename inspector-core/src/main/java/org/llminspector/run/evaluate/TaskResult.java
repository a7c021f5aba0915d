package org.llminspector.run.evaluate;

import java.util.List;

/**
 * What the model says of one line: a line of {@code evaluation.jsonl}.
 *
 * @param id of the line
 * @param logprob by choice, the sum of ln p of its tokens, nats; null where it is NaN
 * @param tokens by choice, how many were scored
 * @param greedy by choice, whether each of its tokens is the most probable one: greedy decoding would have said it
 * @param answer the right choice; null, as those after it, of a line with one continuation
 * @param byLogprob the choice of the largest log-probability; null where one is NaN
 * @param byCharacters of the largest per character
 * @param byBytes of the largest per byte in UTF-8
 */
public record TaskResult(
        String id,
        List<Double> logprob,
        List<Long> tokens,
        List<Boolean> greedy,
        Integer answer,
        Integer byLogprob,
        Integer byCharacters,
        Integer byBytes) {

    /**
     * A line with choices.
     *
     * @param characters of each choice, the delimiter not counted
     * @param bytes of each
     */
    public static TaskResult of(
            String id,
            List<Double> logprob,
            List<Long> tokens,
            List<Boolean> greedy,
            int answer,
            long[] characters,
            long[] bytes) {
        long[] ones = new long[bytes.length];
        java.util.Arrays.fill(ones, 1);
        return new TaskResult(
                id,
                logprob,
                tokens,
                greedy,
                answer,
                largest(logprob, ones),
                largest(logprob, characters),
                largest(logprob, bytes));
    }

    /** The first of the largest quotients. */
    private static Integer largest(List<Double> values, long[] by) {
        int best = 0;
        for (int i = 0; i < by.length; i++) {
            if (values.get(i) == null) return null;
            if (values.get(i) / by[i] > values.get(best) / by[best]) best = i;
        }
        return best;
    }
}
