package org.llminspector.engine.layer;

import java.util.ArrayList;
import java.util.List;
import org.llminspector.engine.layer.Ops.Fn;
import org.llminspector.spec.DeltaNet;
import org.llminspector.spec.Lightning;
import org.llminspector.spec.Mamba2;
import org.llminspector.spec.Recurrent;

/**
 * The recurrence of {@link Steps} over the positions of a prompt, a chunk of them at a time: within a chunk as products of
 * matrices (SSD, Dao and Gu 2024, arXiv:2405.21060; the delta rule by Yang et al. 2024, arXiv:2406.06484), from chunk to
 * chunk by the state. With S before a chunk, D_ij the product of the decays after position j up to i, and e_i that of all
 * up to i:
 *
 * <pre>
 * W = T (beta (V - (e K) S^T)),  T = (I + beta (D * K K^T) below the diagonal)^-1   (delta nets; else W is given)
 * Y = (e Q) S^T + (D * Q K^T) W
 * S = e_last S + W^T (D_last K)
 * </pre>
 *
 * <p>Products of decays are exponentials of sums of their logarithms, each over its own positions: none overflows, and a
 * strong decay costs the weak ones after it no digits.
 *
 * @param <V> a back end's value
 */
final class Chunks<V> {

    /** Positions of a chunk; fewer where each element of a key decays by itself, for D has its elements too. */
    private static final int SIZE = 64;

    private static final int BY_ELEMENT = 16;

    private final Ops<V> o;
    private final int size;
    private final boolean byElement;
    private final V numbers; // of a chunk's positions, [size]
    private final V within; // [size, size]: 1 on and below the diagonal
    private final V below; // 1 below it

    /** @param like any value of the pass */
    private Chunks(Ops<V> ops, boolean byElement, V like) {
        this.o = ops;
        this.byElement = byElement;
        this.size = byElement ? BY_ELEMENT : SIZE;
        this.numbers = o.count(size, like);
        V apart = apart(numbers);
        this.within = o.clip(o.add(apart, o.number(1)), 0, 1);
        this.below = o.clip(apart, 0, 1);
    }

    /** Whether a recurrence has this form: its keys are vectors, and all rows of a head's state decay alike. */
    static boolean has(Recurrent r) {
        return r instanceof DeltaNet || r instanceof Mamba2 || r instanceof Lightning;
    }

    /**
     * All positions of a pass.
     *
     * @param state [1, head, d_head, d_state]
     * @param rate the decays' logarithms, [1, pos, head, 1 or d_state]
     * @param value [1, pos, head, d_head]
     * @param key [1, pos, head, d_state]
     * @param query likewise
     * @param beta [1, pos, head, 1] of a delta net, else null
     * @return the state after them, and y, [1, pos, head, d_head]
     */
    static <V> List<V> run(Ops<V> o, Recurrent r, V state, V rate, V value, V key, V query, V beta) {
        int decays = r instanceof DeltaNet d ? d.decays() : 1;
        Chunks<V> chunks = new Chunks<>(o, decays > 1, value);
        List<V> over = new ArrayList<>(List.of(
                chunks.of(rate, r.nHeads(), decays),
                chunks.of(value, r.nHeads(), r.dHead()),
                chunks.of(key, r.nHeads(), r.dState()),
                chunks.of(query, r.nHeads(), r.dState())));
        if (beta != null) over.add(chunks.of(beta, r.nHeads(), 1));
        List<V> levels = beta == null ? List.of() : chunks.levels();
        List<V> out = o.scan(state, over, (before, now) -> chunks.chunk(before, now, levels));
        V y = o.reshape(o.transpose(out.get(1), 0, 1, 3, 2, 4), 0, -1, r.nHeads(), r.dHead());
        return List.of(out.get(0), o.trimmed(y, value));
    }

    /** [1, pos, head, width] to [1, chunk, head, size, width]. */
    private V of(V x, int heads, int width) {
        return o.transpose(o.reshape(o.padded(x, size), 0, -1, size, heads, width), 0, 1, 3, 2, 4);
    }

    /** @param now rate, value, key, query, beta of one chunk, [1, head, size, width] */
    private List<V> chunk(V before, List<V> now, List<V> levels) {
        V rate = now.get(0);
        V key = now.get(2);
        V query = now.get(3);
        V decays = o.apply(Fn.EXP, o.matmul(within, byElement ? between(rate) : o.mul(rate, below)));
        V since = o.apply(Fn.EXP, o.matmul(within, rate)); // e, [1, head, size, 1 or d_state]
        V recall = o.transpose(before, 0, 1, 3, 2); // [1, head, d_state, d_head]
        V write = now.get(1);
        if (!levels.isEmpty()) {
            V beta = now.get(4);
            V known = o.matmul(o.mul(key, since), recall);
            V apart = o.mul(o.mul(products(key, key, decays), beta), below);
            write = o.matmul(inverse(apart, levels), o.mul(o.sub(write, known), beta));
        }
        V scores = o.mul(products(query, key, decays), within);
        V y = o.add(o.matmul(o.mul(query, since), recall), o.matmul(scores, write));
        V kept = o.mul(before, o.slice(since, 2, -1, Ops.END));
        V keys = o.mul(key, toEnd(decays));
        return List.of(o.add(kept, o.matmul(o.transpose(write, 0, 1, 3, 2), keys)), y);
    }

    /** Rates after position j of each element of a key, [1, head, d_state, size, size]. */
    private V between(V rate) {
        return o.mul(o.reshape(o.transpose(rate, 0, 1, 3, 2), 0, 0, -1, size, 1), below);
    }

    /** Products of rows, decayed from the second's position to the first's: [1, head, size, size]. */
    private V products(V a, V b, V decays) {
        if (!byElement) return o.mul(o.matmul(a, o.transpose(b, 0, 1, 3, 2)), decays);
        V rows = o.reshape(o.transpose(a, 0, 1, 3, 2), 0, 0, -1, size, 1);
        V columns = o.reshape(o.transpose(b, 0, 1, 3, 2), 0, 0, -1, 1, size);
        return o.sum(o.mul(o.mul(rows, columns), decays), 2);
    }

    /** Decays from each position to the chunk's end, [1, head, size, 1 or d_state]. */
    private V toEnd(V decays) {
        if (!byElement) return o.transpose(o.slice(decays, 2, -1, Ops.END), 0, 1, 3, 2);
        return o.transpose(o.reshape(o.slice(decays, 3, -1, Ops.END), 0, 0, -1, size), 0, 1, 3, 2);
    }

    /**
     * The inverse of I + A by halves: that of a block of 2 s rows is made of those of its two blocks of s rows and of
     * A between them.
     *
     * @param a [1, head, size, size], 0 on and above the diagonal
     */
    private V inverse(V a, List<V> levels) {
        V made = o.sub(o.sub(within, below), o.mul(a, levels.get(0)));
        for (V between : levels.subList(1, levels.size())) {
            made = o.sub(made, o.matmul(o.matmul(made, o.mul(a, between)), made));
        }
        return made;
    }

    /** For blocks of 1, 2, 4, .. rows: 1 where a row is in the second block of a pair, the column in the first. */
    private List<V> levels() {
        List<V> levels = new ArrayList<>();
        for (int s = 1; s < size; s *= 2) levels.add(o.mul(o.sub(together(2 * s), together(s)), below));
        return levels;
    }

    /** 1 where row and column are in the same block of s, else 0: [size, size]. */
    private V together(int s) {
        V block = o.asNumbers(o.asIndices(o.mul(numbers, o.number(1.0 / s)))); // rounds down
        V other = o.clip(o.apply(Fn.SQUARE, apart(block)), 0, 1);
        return o.clip(o.add(o.mul(other, o.number(-1)), o.number(1)), 0, 1);
    }

    /** Row minus column, of numbers of positions: [size, size]. */
    private V apart(V of) {
        return o.sub(o.reshape(of, size, 1), o.reshape(of, 1, size));
    }
}
