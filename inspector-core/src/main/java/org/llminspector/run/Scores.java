package org.llminspector.run;

import java.util.List;

/**
 * Log probabilities of a text, token by token.
 *
 * @param position of the first scored token
 * @param logprob sum, nats
 * @param perplexity e to the mean of -logprob; null without tokens
 */
public record Scores(
        String model,
        int position,
        int reusedPositions,
        double ms,
        double logprob,
        Double perplexity,
        List<ScoredToken> tokens) {}
