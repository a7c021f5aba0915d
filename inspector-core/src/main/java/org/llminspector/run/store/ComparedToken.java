package org.llminspector.run.store;

import com.fasterxml.jackson.annotation.JsonIgnore;
import java.util.List;
import java.util.function.IntFunction;
import org.llminspector.analysis.output.TokenDivergence;

/**
 * Both sides' next-token predictions at one position: a line of prompt.jsonl or text.jsonl.
 *
 * @param position of the last token read, in the prompt or the text (-1: the tokenizer's prefix)
 * @param read the token there
 * @param next the actual next token; null at a prompt's end, or where the two prompts differ
 * @param kl KL(A || B), nats
 * @param probA A's probability of {@code next}; null without it
 * @param probB B's probability of {@code next}; null without it
 * @param sameTop whether both have the same most probable token
 * @param top the most probable tokens of both sides, A's first
 */
public record ComparedToken(
        int position,
        Piece read,
        Piece next,
        double kl,
        Double probA,
        Double probB,
        boolean sameTop,
        List<Candidate> top) {

    /** A token's id and text. */
    public record Piece(int id, String text) {}

    /** Ranks count from 0; null where it is not among the side's most probable tokens. */
    public record Candidate(int id, String text, double probA, double probB, Integer rankA, Integer rankB) {}

    /** A's most probable token. */
    @JsonIgnore
    public Candidate topOfA() {
        return top.stream().filter(c -> within(c.rankA(), 1)).findFirst().orElseThrow();
    }

    /** B's most probable token. */
    @JsonIgnore
    public Candidate topOfB() {
        return top.stream().filter(c -> within(c.rankB(), 1)).findFirst().orElseThrow();
    }

    /**
     * @param most how many candidates per side are kept
     * @param text text of a token id
     */
    public static ComparedToken of(int position, int read, TokenDivergence t, int most, IntFunction<String> text) {
        return new ComparedToken(
                position,
                piece(read, text),
                t.token() == null ? null : piece(t.token(), text),
                t.kl(),
                t.token() == null ? null : Math.exp(-t.nllA()),
                t.token() == null ? null : Math.exp(-t.nllB()),
                t.sameTop(),
                t.top().stream()
                        .filter(c -> within(c.rankA(), most) || within(c.rankB(), most))
                        .map(c -> new Candidate(c.id(), text.apply(c.id()), c.probA(), c.probB(), c.rankA(), c.rankB()))
                        .toList());
    }

    private static boolean within(Integer rank, int most) {
        return rank != null && rank < most;
    }

    private static Piece piece(int id, IntFunction<String> text) {
        return new Piece(id, text.apply(id));
    }
}
