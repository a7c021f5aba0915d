package org.llminspector.generate;

import java.util.List;
import org.llminspector.tokenize.Token;

/**
 * GeneratedToken is one step of a continuation.
 *
 * @param position its position in the sequence
 * @param token the token that was picked
 * @param text the text that became whole with it: may be empty (half a character) or more than the token's own
 * @param logprob natural log of its probability under the model, before temperature and filters
 * @param prob the same as a probability
 * @param sampledProb its probability in the distribution that was sampled from, after temperature and filters
 * @param alternatives the most probable tokens under the model, first the most probable
 * @param ms milliseconds of the forward pass that gave its distribution
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

    /** Alternative is a token that could have been picked. */
    public record Alternative(int id, String text, double logit, double prob) {}
}
