package org.llminspector.engine.layer;

import static org.llminspector.hook.HookPoint.*;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import org.llminspector.hook.HookPoint;
import org.llminspector.spec.DeltaNet;
import org.llminspector.spec.Recurrent;

/**
 * The steps of a recurrence over the positions of a pass, from the layer's state:
 *
 * <pre>
 * kept  = decay * S
 * write = what is given, or in a delta net beta (v - kept k)
 * S     = kept + write k^T
 * y     = S q
 * </pre>
 *
 * <p>A change of the state, or of a delta net's write, is a factor and a summand at its position, so that later
 * positions go on from it.
 *
 * @param <V> a back end's value
 */
final class Steps<V> {

    /** Positions from which on {@link Chunks} are faster. */
    private static final int CHUNKED = 16;

    private final Ops<V> o;
    private final Tap<V> tap;

    Steps(Ops<V> ops, Tap<V> tap) {
        this.o = ops;
        this.tap = tap;
    }

    /** The values of a pass that a step sees one position of; a null one is none, and its index -1. */
    private static final class Over<V> {
        private final List<V> all = new ArrayList<>();

        int add(V value) {
            if (value == null) return -1;
            all.add(value);
            return all.size() - 1;
        }
    }

    /** What a pass's steps read: [1, pos, head, ..]; null for none. */
    private record Read<V>(V column, V decay, V row, V reader, V beta) {}

    /**
     * Runs all steps of a pass; many of them in {@link Chunks}, unless a value inside is captured or changed.
     *
     * @param rate the decay's logarithm, of its shape; null where there is no such form
     * @param decay [1, pos, head, d_head or 1, d_state or 1]
     * @param value [1, pos, head, d_head]
     * @param key [1, pos, key_head, d_state], or null for 1
     * @param query likewise
     * @param beta [1, pos, head, 1, 1] of a delta net, else null
     * @return y, [1, pos, head, d_head]
     */
    V run(int i, Recurrent r, V rate, V decay, V value, V key, V query, V beta) {
        V column = columns(r, value);
        V row = key == null ? null : o.reshape(shared(r, key), 0, -1, r.nHeads(), 1, r.dState());
        V reader = query == null ? null : o.reshape(shared(r, query), 0, -1, r.nHeads(), r.dState(), 1);
        V before = o.state(i);
        List<V> out;
        if (Chunks.has(r) && !seen(i, beta != null)) {
            List<V> reads = new ArrayList<>(List.of(column, decay, row, reader, rate, before));
            if (beta != null) reads.add(beta);
            out = o.byLength(CHUNKED, reads, all -> steps(i, r, all), all -> chunks(r, all));
        } else {
            out = steps(i, r, before, new Read<>(column, decay, row, reader, beta));
        }
        o.keepState(i, out.get(0));
        return tap.at(SSM_Y, i, out.get(1));
    }

    /** Whether a value inside the steps is captured or changed. */
    private boolean seen(int i, boolean delta) {
        return tap.wants(SSM_STATE, i) || tap.changes(SSM_DECAY, i) || (delta && tap.wants(SSM_WRITE, i));
    }

    private List<V> steps(int i, Recurrent r, List<V> all) {
        V beta = all.size() > 6 ? all.get(6) : null;
        return steps(i, r, all.get(5), new Read<>(all.get(0), all.get(1), all.get(2), all.get(3), beta));
    }

    private List<V> chunks(Recurrent r, List<V> all) {
        int decays = r instanceof DeltaNet d ? d.decays() : 1;
        V beta = all.size() > 6 ? o.reshape(all.get(6), 0, -1, r.nHeads(), 1) : null;
        V rate = o.reshape(all.get(4), 0, -1, r.nHeads(), decays);
        V value = o.reshape(all.get(0), 0, -1, r.nHeads(), r.dHead());
        V key = o.reshape(all.get(2), 0, -1, r.nHeads(), r.dState());
        V query = o.reshape(all.get(3), 0, -1, r.nHeads(), r.dState());
        return Chunks.run(o, r, all.get(5), rate, value, key, query, beta);
    }

    /** The state after the last step, and y of all. */
    private List<V> steps(int i, Recurrent r, V before, Read<V> read) {
        V beta = read.beta();
        Change<V> state = change(SSM_STATE, i, read.row() == null ? read.column() : o.mul(read.column(), read.row()));
        Change<V> write = beta == null ? new Change<>(null, null) : change(SSM_WRITE, i, values(r, read.column()));
        Over<V> over = new Over<>();
        int atValue = over.add(read.column());
        int atDecay = over.add(read.decay());
        int atKey = over.add(read.row());
        int atQuery = over.add(read.reader());
        int atBeta = over.add(beta);
        int[] atState = {over.add(state.factor()), over.add(state.summand())};
        int[] atWrite = {over.add(columns(r, write.factor())), over.add(columns(r, write.summand()))};
        boolean seesState = tap.wants(SSM_STATE, i);
        boolean seesWrite = beta != null && tap.wants(SSM_WRITE, i);
        List<V> out = o.scan(before, over.all, (last, now) -> {
            V kept = o.mul(last, now.get(atDecay));
            V written = now.get(atValue); // [1, head, d_head, 1]
            if (beta != null) {
                V known = o.matmul(kept, o.transpose(now.get(atKey), 0, 1, 3, 2));
                written = changed(atWrite, now, o.mul(o.sub(written, known), now.get(atBeta)));
            }
            V outer = atKey < 0 ? written : o.mul(written, now.get(atKey));
            V after = changed(atState, now, o.add(kept, outer));
            List<V> kepts = new ArrayList<>(List.of(after, atQuery < 0 ? after : o.matmul(after, now.get(atQuery))));
            if (seesState) kepts.add(after);
            if (seesWrite) kepts.add(written);
            return kepts;
        });
        if (seesState) tap.see(SSM_STATE, i, out.get(2));
        if (seesWrite) tap.see(SSM_WRITE, i, values(r, out.get(seesState ? 3 : 2)));
        return List.of(out.get(0), values(r, out.get(1)));
    }

    private V values(Recurrent r, V columns) {
        return o.reshape(columns, 0, -1, r.nHeads(), r.dHead());
    }

    private V columns(Recurrent r, V x) {
        return x == null ? null : o.reshape(x, 0, -1, r.nHeads(), r.dHead(), 1);
    }

    /** A change as a factor and a summand; null for none. */
    private record Change<V>(V factor, V summand) {}

    /** Of a value that has this shape. */
    private Change<V> change(HookPoint point, int i, V shape) {
        if (!tap.changes(point, i)) return new Change<>(null, null);
        V zeros = o.mul(shape, o.number(0));
        Tap.Affine<V> of = tap.affine(point, i, zeros, o.add(zeros, o.number(1)));
        return new Change<>(of.ofOnes() == null ? null : o.sub(of.ofOnes(), of.ofZeros()), of.ofZeros());
    }

    private V changed(int[] at, List<V> now, V x) {
        V scaled = at[0] < 0 ? x : o.mul(x, now.get(at[0]));
        return at[1] < 0 ? scaled : o.add(scaled, now.get(at[1]));
    }

    /** Keys of all heads, of those that heads share. */
    private V shared(Recurrent r, V key) {
        int each = r.nHeads() / r.nKeyHeads();
        return each == 1 ? key : o.heads(o.concat(3, Collections.nCopies(each, key)), r.nHeads(), r.dState());
    }
}
