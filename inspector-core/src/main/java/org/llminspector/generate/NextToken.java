package org.llminspector.generate;

import java.util.ArrayList;
import java.util.List;

/** Probabilities from the logits at one position: a token's score, the top candidates, the sampling distribution. */
public final class NextToken {

    /** @param logit the model's, without penalties */
    public record Candidate(int id, double logit, double prob) {}

    /**
     * Score of a token under the model, before temperature and filters.
     *
     * @param logprob natural log of its probability
     * @param rank 0 for the most probable
     * @param top the most probable tokens, in descending order
     */
    public record Score(int id, double logprob, int rank, List<Candidate> top) {}

    private NextToken() {}

    /** @param top how many candidates to list */
    public static Score score(float[] logits, int id, int top) {
        double norm = Sampler.logNorm(logits);
        int rank = 0;
        for (float logit : logits) if (logit > logits[id]) rank++;
        List<Candidate> best = new ArrayList<>();
        for (int b : Ranking.top(logits, top)) best.add(new Candidate(b, logits[b], Math.exp(logits[b] - norm)));
        return new Score(id, logits[id] - norm, rank, best);
    }

    /**
     * The sampling distribution [vocab], after penalties, temperature and filters. With greedy options: after
     * penalties, at temperature 1.
     *
     * @param options with defaults filled in
     * @param before the tokens of the sequence so far
     * @param generated index of the first generated token in {@code before}
     */
    public static double[] distribution(float[] logits, GenerateOptions options, int[] before, int generated) {
        return new Sampler(options, before, generated).distribution(logits);
    }
}
