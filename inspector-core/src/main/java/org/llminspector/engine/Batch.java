package org.llminspector.engine;

import java.util.BitSet;
import java.util.List;
import java.util.SortedSet;
import org.llminspector.base.Problem;
import org.llminspector.hook.HookId;

/**
 * Rows of token ids that run through a model together, each from an empty KV cache. The rows have equal lengths, so that
 * nothing is padded: a row's values are those that it has alone, within rounding.
 *
 * @param rows ids, [batch, pos]
 * @param request what is captured and changed; its prefix is not used
 * @param changed for each intervention the rows that it changes; null, or a list shorter than the interventions, for all
 *     rows. Values of other runs are [1, pos, ...], the same for all rows, or [batch, pos, ...]
 */
@SuppressWarnings("ArrayRecordComponent") // never compared
public record Batch(int[][] rows, SessionRequest request, List<BitSet> changed) {

    public Batch {
        if (rows.length == 0 || rows[0].length == 0) {
            throw Problem.invalid("a batch needs a row with a token")
                    .where("rows")
                    .expected("at least one row of at least one token")
                    .found(rows.length + " rows");
        }
        for (int r = 0; r < rows.length; r++) {
            if (rows[r].length == rows[0].length) continue;
            throw Problem.invalid("rows of a batch have equal lengths")
                    .where("row " + r)
                    .expected(rows[0].length + " tokens, as row 0 has")
                    .found(rows[r].length)
                    .instead("run rows of another length in a batch of their own");
        }
    }

    /** Nothing changed. */
    public static Batch of(int[][] rows, SortedSet<HookId> hooks) {
        int length = rows.length == 0 ? 0 : rows[0].length;
        return new Batch(rows, new SessionRequest(length, hooks, List.of(), List.of()), null);
    }

    /** Number of rows. */
    public int size() {
        return rows.length;
    }

    /** Tokens of each row. */
    public int length() {
        return rows[0].length;
    }

    /** Ids row by row, [batch * pos]. */
    public long[] ids() {
        long[] ids = new long[size() * length()];
        for (int i = 0; i < ids.length; i++) ids[i] = rows[i / length()][i % length()];
        return ids;
    }

    /** The rows that an intervention changes; null for all. */
    public BitSet changed(int intervention) {
        return changed == null || intervention >= changed.size() ? null : changed.get(intervention);
    }
}
