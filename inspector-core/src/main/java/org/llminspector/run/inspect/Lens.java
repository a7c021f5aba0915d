package org.llminspector.run.inspect;

import java.util.List;

/**
 * Logit lens of a run: the most probable next tokens at each layer's hook and position, as if the model ended there.
 *
 * @param rows in data-flow order; the last row is the model's own output
 */
public record Lens(String run, List<Row> rows) {

    /** One hook at every position. */
    public record Row(String hook, Integer layer, List<Cell> cells) {}

    /**
     * One hook at one position.
     *
     * @param entropy of the distribution, nats
     * @param klToFinal KL(final || this), nats
     * @param finalTokenRank rank (0 is first) of the final output's most probable token
     */
    public record Cell(int pos, List<Candidate> top, double entropy, double klToFinal, int finalTokenRank) {}

    /** A candidate for the next token. */
    public record Candidate(int id, String text, double prob) {}
}
