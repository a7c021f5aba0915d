package org.llminspector.run.store;

import com.fasterxml.jackson.annotation.JsonIgnore;
import java.util.List;
import java.util.function.IntFunction;
import org.llminspector.analysis.TokenDivergence;

/**
 * ComparedToken is one position at which both sides said what comes next: a line of prompt.jsonl or text.jsonl.
 *
 * @param position of the token that was read last: in the prompt, or in the text (-1: what the tokenizer put before it)
 * @param read the token there
 * @param next the token that really follows; null at a prompt's end, or where the two prompts differ
 * @param kl KL(A || B), nats
 * @param probA what A gives to {@code next}, null with it
 * @param probB what B gives to it
 * @param sameTop whether both find the same token most probable
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

    /** A token's id and how it reads. */
    public record Piece(int id, String text) {}

    /** Ranks count from 0; null: not among this side's most probable. */
    public record Candidate(int id, String text, double probA, double probB, Integer rankA, Integer rankB) {}

    /** What A finds most probable. */
    @JsonIgnore
    public Candidate topOfA() {
        return top.stream().filter(c -> within(c.rankA(), 1)).findFirst().orElseThrow();
    }

    /** What B finds most probable. */
    @JsonIgnore
    public Candidate topOfB() {
        return top.stream().filter(c -> within(c.rankB(), 1)).findFirst().orElseThrow();
    }

    /**
     * @param most how many candidates a side are kept
     * @param text how a token of that id reads
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
