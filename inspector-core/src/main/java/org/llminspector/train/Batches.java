package org.llminspector.train;

import java.util.Arrays;
import java.util.List;
import org.llminspector.engine.Learner;
import org.llminspector.engine.Learner.Scores;

/** Micro-batches: examples of different lengths, each batch padded to its longest example. */
final class Batches {

    /**
     * A sequence with a loss weight per token.
     *
     * @param weights of each token but the first, as a prediction; 0 where it does not count, [tokens - 1]
     * @param choices of each token but the first, the equally likely tokens, as in {@link TokenStream.Piece}
     */
    record Example(int[] tokens, float[] weights, int[][] choices) {

        Example(int[] tokens, float[] weights) {
            this(tokens, weights, new int[weights.length][]);
        }

        /** An example whose loss counts the tokens from index {@code first} on. */
        static Example from(int[] tokens, int first) {
            float[] weights = new float[tokens.length - 1];
            Arrays.fill(weights, first - 1, weights.length, 1f);
            return new Example(tokens, weights);
        }

        double count() {
            double sum = 0;
            for (float w : weights) sum += w;
            return sum;
        }

        Example times(double factor) {
            float[] scaled = new float[weights.length];
            for (int i = 0; i < scaled.length; i++) scaled[i] = (float) (weights[i] * factor);
            return new Example(tokens, scaled, choices);
        }
    }

    private Batches() {}

    /**
     * Adds the gradient of the examples' weighted mean loss.
     *
     * @return the plain mean over all tokens with a weight other than 0
     */
    static Objective.Measure accumulate(Learner learner, List<Example> examples, int atOnce) {
        return accumulate(learner, examples, atOnce, 1);
    }

    /** As above, with the loss scaled by {@code weight}. */
    static Objective.Measure accumulate(Learner learner, List<Example> examples, int atOnce, double weight) {
        double count = examples.stream().mapToDouble(Example::count).sum();
        Tally tally = new Tally();
        for (int from = 0; from < examples.size(); from += atOnce) {
            List<Example> part = examples.subList(from, Math.min(examples.size(), from + atOnce));
            List<Example> mean = part.stream().map(e -> e.times(weight / count)).toList();
            tally.add(part, learner.accumulate(tokens(mean), weights(mean), choices(mean)));
        }
        return tally.measure();
    }

    /** The examples' mean loss, without a gradient. */
    static Objective.Measure score(Learner learner, List<Example> examples, int atOnce) {
        Tally tally = new Tally();
        for (int from = 0; from < examples.size(); from += atOnce) {
            List<Example> part = examples.subList(from, Math.min(examples.size(), from + atOnce));
            tally.add(part, learner.score(tokens(part)));
        }
        return tally.measure();
    }

    /** ln of the joint probability of each example's counted tokens. */
    static double[] logProbabilities(Learner learner, List<Example> examples, int atOnce) {
        double[] sums = new double[examples.size()];
        for (int from = 0; from < sums.length; from += atOnce) {
            List<Example> part = examples.subList(from, Math.min(sums.length, from + atOnce));
            float[][] nll = learner.score(tokens(part)).nll();
            for (int e = 0; e < part.size(); e++) {
                float[] weights = part.get(e).weights();
                for (int t = 0; t < weights.length; t++) sums[from + e] -= weights[t] * nll[e][t];
            }
        }
        return sums;
    }

    /** Right-padded with token 0, which no earlier position attends to. */
    static int[][] tokens(List<Example> examples) {
        int longest = examples.stream().mapToInt(e -> e.tokens().length).max().orElseThrow();
        return examples.stream().map(e -> Arrays.copyOf(e.tokens(), longest)).toArray(int[][]::new);
    }

    static float[][] weights(List<Example> examples) {
        int longest = examples.stream().mapToInt(e -> e.weights().length).max().orElseThrow();
        return examples.stream().map(e -> Arrays.copyOf(e.weights(), longest)).toArray(float[][]::new);
    }

    private static int[][][] choices(List<Example> examples) {
        return examples.stream().map(Example::choices).toArray(int[][][]::new);
    }

    private static final class Tally {
        private double loss;
        private long hits;
        private long count;

        void add(List<Example> examples, Scores scores) {
            for (int e = 0; e < examples.size(); e++) {
                float[] weights = examples.get(e).weights();
                for (int t = 0; t < weights.length; t++) {
                    if (weights[t] == 0) continue;
                    loss += scores.nll()[e][t];
                    if (scores.hit()[e][t]) hits++;
                    count++;
                }
            }
        }

        Objective.Measure measure() {
            return new Objective.Measure(loss / count, (double) hits / count, count);
        }
    }
}
