package org.llminspector.run;

import java.util.List;

/**
 * Scores say how probable a text is, token by token.
 *
 * @param position of the first token that has a score
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
