package org.llminspector.run;

import java.util.List;

/**
 * Lens is the logit lens of a run: for each layer's hook and position, the most probable next tokens if this were the end.
 *
 * @param rows in data order, the last row is the model's own output
 */
public record Lens(String run, List<Row> rows) {

    /** Row is one hook, read at every position. */
    public record Row(String hook, Integer layer, List<Cell> cells) {}

    /**
     * Cell is one hook at one position.
     *
     * @param entropy of the distribution, nats
     * @param klToFinal KL(final || this), nats
     * @param finalTokenRank rank (0 is first) of the token that the model finally finds most probable
     */
    public record Cell(int pos, List<Candidate> top, double entropy, double klToFinal, int finalTokenRank) {}

    /** Candidate is a token that may come next. */
    public record Candidate(int id, String text, double prob) {}
}
