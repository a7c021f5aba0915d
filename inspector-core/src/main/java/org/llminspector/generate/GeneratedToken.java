package org.llminspector.generate;

import java.util.List;
import org.llminspector.tokenize.Token;

/**
 * A generated token with its probabilities.
 *
 * @param position its position in the sequence
 * @param token the chosen token
 * @param text the text completed by it: may be empty (half a character) or more than the token's own
 * @param logprob natural log of its probability under the model, before temperature and filters
 * @param prob the same as a probability
 * @param sampledProb its probability in the distribution that was sampled from, after temperature and filters
 * @param alternatives the most probable tokens under the model, in descending order
 * @param ms milliseconds of the forward pass that computed its distribution
 */
public record GeneratedToken(
        int position,
        Token token,
        String text,
        double logprob,
        double prob,
        double sampledProb,
        List<Alternative> alternatives,
        double ms) {

    public GeneratedToken {
        alternatives = List.copyOf(alternatives);
    }

    /** A candidate for the same position. */
    public record Alternative(int id, String text, double logit, double prob) {}
}
