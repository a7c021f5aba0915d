package org.llminspector.run;

import java.util.List;
import org.llminspector.generate.GeneratedToken;
import org.llminspector.tokenize.Token;

/**
 * One token of a text with its log probability.
 *
 * @param rank 0 for the most probable
 */
public record ScoredToken(
        int position,
        Token token,
        double logprob,
        double prob,
        int rank,
        List<GeneratedToken.Alternative> alternatives) {}
