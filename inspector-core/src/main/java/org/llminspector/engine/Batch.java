package org.llminspector.engine;

import java.util.BitSet;
import java.util.List;
import java.util.SortedSet;
import org.llminspector.base.Problem;
import org.llminspector.base.Tensor;
import org.llminspector.capture.Intervention;
import org.llminspector.hook.HookId;
import org.llminspector.hook.HookPoint;
import org.llminspector.spec.DecoderSpec;

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

    /**
     * The first layer that has to be computed. Where a change replaces the whole residual stream before a layer, in every
     * row, nothing before that layer is read any more: 0 where a value before it is captured or changed, or a later layer
     * attends to its keys.
     */
    public int firstLayer(DecoderSpec spec) {
        int first = spec.nLayers();
        for (HookId hook : request.hooks()) first = Math.min(first, reads(hook));
        for (HookId hook : request.changes(spec).keySet()) first = Math.min(first, reads(hook));
        for (int i = 0; i < request.interventions().size(); i++) {
            if (first > 0 && replacesAll(i, HookId.of(HookPoint.RESID_PRE, Math.min(first, spec.nLayers() - 1))))
                return shares(spec, first) ? 0 : first;
        }
        return 0;
    }

    private static int reads(HookId hook) {
        if (hook.layer() >= 0) return hook.layer();
        return hook.compareTo(HookId.of(HookPoint.RESID_PRE, 0)) < 0 ? 0 : Integer.MAX_VALUE;
    }

    private boolean replacesAll(int i, HookId stream) {
        Intervention v = request.interventions().get(i);
        Tensor source = request.source(i, stream);
        return v.hook().equals(stream.name())
                && v.op() == Intervention.Op.REPLACE
                && source != null
                && source.shape()[1] >= length()
                && changed(i) == null
                && v.positions() == null
                && v.features() == null;
    }

    /** Whether a layer from this one on attends to the keys of one before it. */
    private static boolean shares(DecoderSpec spec, int first) {
        if (spec.altUp() != null) return true; // the stream's other forms come from the layers before
        return spec.layers().subList(first, spec.nLayers()).stream()
                .anyMatch(l -> l.attends()
                        && l.attention().keysFrom() != null
                        && l.attention().keysFrom() < first);
    }

    /** The rows that an intervention changes; null for all. */
    public BitSet changed(int intervention) {
        return changed == null || intervention >= changed.size() ? null : changed.get(intervention);
    }
}
