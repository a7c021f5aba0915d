package org.llminspector.train;

import java.util.Arrays;
import java.util.List;
import org.llminspector.engine.Learner;

/**
 * Two answers to one prompt as tokens, one of them chosen, and their loss under direct preference optimization
 * (Rafailov et al. 2023, arXiv:2305.18290, eq. 7).
 */
public final class PreferredPair {

    /**
     * ln of the probability of each token of the two answers, given the tokens before it.
     *
     * @param chosen [chosen tokens]
     * @param rejected [rejected tokens]
     */
    public record Scores(double[] chosen, double[] rejected) {

        /** By how many nats the chosen answer is more probable than the rejected one. */
        public double difference() {
            return Arrays.stream(chosen).sum() - Arrays.stream(rejected).sum();
        }
    }

    private final List<Batches.Example> both;

    /** Token ids; prompt and answers are not empty. */
    public PreferredPair(int[] prompt, int[] chosen, int[] rejected) {
        this.both = List.of(example(prompt, chosen), example(prompt, rejected));
    }

    private static Batches.Example example(int[] prompt, int[] answer) {
        int[] all = Arrays.copyOf(prompt, prompt.length + answer.length);
        System.arraycopy(answer, 0, all, prompt.length, answer.length);
        return Batches.Example.from(all, prompt.length);
    }

    public Scores score(Learner learner) {
        float[][] nll = learner.score(Batches.tokens(both)).nll();
        return new Scores(answer(nll, 0), answer(nll, 1));
    }

    private double[] answer(float[][] nll, int which) {
        float[] weights = both.get(which).weights();
        double[] scores = new double[(int) both.get(which).count()];
        int n = 0;
        for (int t = 0; t < weights.length; t++) if (weights[t] != 0) scores[n++] = -nll[which][t];
        return scores;
    }

    /**
     * Adds the gradient of the loss to the learner's: that of the answers' log probabilities, times beta sigmoid(-beta
     * m).
     *
     * @param now the learner's scores
     * @param reference the initial model's scores
     */
    public void accumulate(Learner learner, double beta, Scores now, Scores reference) {
        double slope = PreferenceObjective.slope(beta, now.difference() - reference.difference());
        List<Batches.Example> weighted =
                List.of(both.get(0).times(slope), both.get(1).times(-slope));
        learner.accumulate(Batches.tokens(weighted), Batches.weights(weighted));
    }

    /** -ln sigmoid(beta m); m is by how many nats more than the reference the learner prefers the chosen answer. */
    public static double loss(double beta, Scores now, Scores reference) {
        return PreferenceObjective.loss(beta, now.difference() - reference.difference());
    }
}
