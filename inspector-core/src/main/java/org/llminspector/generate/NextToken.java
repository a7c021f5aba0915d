package org.llminspector.generate;

import java.util.ArrayList;
import java.util.List;

/** NextToken reads a model's logits at one position: how probable a token is, which are the most probable, what may be drawn. */
public final class NextToken {

    /** @param logit as the model gave it */
    public record Candidate(int id, double logit, double prob) {}

    /**
     * Score is one token under the model, before temperature and filters.
     *
     * @param logprob natural log of its probability
     * @param rank 0 for the most probable
     * @param top the most probable, first the most probable
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
     * The probabilities with which each token would be drawn, [vocab]: after penalties, temperature and filters. Of greedy
     * options, those after penalties at temperature 1.
     *
     * @param options with their defaults
     * @param before the tokens of the sequence so far
     * @param generated where in them what a model made begins
     */
    public static double[] distribution(float[] logits, GenerateOptions options, int[] before, int generated) {
        return new Sampler(options, before, generated).distribution(logits);
    }
}
