package org.llminspector.engine.layer;

import static org.llminspector.hook.HookPoint.*;

import java.util.List;
import org.llminspector.spec.Attention;
import org.llminspector.spec.Latent;

/**
 * Attention from latent vectors (MLA): {@link Latent}.
 *
 * @param <V> a back end's value
 */
public final class LatentAttention<V> {

    private final Ops<V> o;
    private final Tap<V> tap;

    LatentAttention(Ops<V> ops, Tap<V> tap) {
        this.o = ops;
        this.tap = tap;
    }

    /** [1, pos, d_model] to [1, pos, head, d_value]; the module's name ends with a dot. */
    V apply(int i, Attention a, String module, V x) {
        Latent l = a.latent();
        List<V> down = o.linears(x, Modules.down(module, l));
        V q = down.get(0);
        if (l.dQuery() != null) {
            q = tap.at(Q_LATENT, i, o.norm(q, l.norm(), module + "q_latent_norm", l.dQuery()));
            q = o.linear(q, module + "q");
        }
        q = tap.at(Q, i, o.heads(q, a.nHeads(), a.dHead())); // [1, pos, head, d_head]
        if (a.rope() != null) q = tap.at(ROT_Q, i, o.rotate(q, a.rope(), a.dHead()));
        V latent = o.norm(down.get(1), l.norm(), module + "kv_latent_norm", l.dLatent());
        latent = tap.at(KV_LATENT, i, latent); // [1, pos, d_latent]
        V shared = o.heads(down.get(2), 1, l.dShared()); // [1, pos, 1, d_shared]
        if (o.cachesHeads(i)) {
            List<V> up = up(o, a, module, latent);
            V k = tap.at(K, i, keys(o, shared, up.get(0))); // [1, pos, head, d_head]
            V v = tap.at(V, i, up.get(1)); // [1, pos, head, d_value]
            if (a.rope() != null) k = tap.at(ROT_K, i, o.rotate(k, a.rope(), a.dHead()));
            return o.attend(i, a, q, o.keys(i, k), o.values(i, v), tap);
        }
        V rotated = a.rope() == null ? shared : o.rotate(shared, a.rope(), l.dShared());
        if (tap.wants(K, i) || tap.wants(ROT_K, i) || tap.wants(V, i)) { // computed for capture only
            List<V> up = up(o, a, module, latent);
            if (tap.wants(K, i)) tap.at(K, i, keys(o, shared, up.get(0)));
            if (tap.wants(ROT_K, i)) tap.at(ROT_K, i, keys(o, rotated, up.get(0)));
            if (tap.wants(V, i)) tap.at(V, i, up.get(1));
        }
        V keys = o.keys(i, rotated); // [1, 1, key, d_shared]
        return o.attendLatent(i, a, module, q, keys, o.values(i, o.heads(latent, 1, l.dLatent())), tap);
    }

    /** With every head's keys and values of all positions. */
    public static <V> V expanded(Ops<V> o, int i, Attention a, String module, V q, V shared, V latent, Tap<V> tap) {
        V flat = o.flat(o.transpose(latent, 0, 2, 1, 3), 1, a.latent().dLatent()); // [1, key, d_latent]
        List<V> up = up(o, a, module, flat);
        V keys = keys(o, o.transpose(shared, 0, 2, 1, 3), up.get(0)); // [1, key, head, d_head]
        return o.attend(i, a, q, o.transpose(keys, 0, 2, 1, 3), o.transpose(up.get(1), 0, 2, 1, 3), tap);
    }

    /** The heads' own parts of keys [1, key, head, d_head - d_shared], and their values, from [1, key, d_latent]. */
    private static <V> List<V> up(Ops<V> o, Attention a, String module, V latent) {
        List<V> up = o.linears(latent, Modules.up(module));
        int own = a.dHead() - a.latent().dShared();
        return List.of(o.heads(up.get(0), a.nHeads(), own), o.heads(up.get(1), a.nHeads(), a.dValue()));
    }

    /** Whole keys: the part that heads share, then the head's own. */
    private static <V> V keys(Ops<V> o, V shared, V own) {
        return o.concat(3, List.of(o.expand(shared, own, 2), own));
    }

    /**
     * Without expanding the latent vectors: the up-projections are absorbed into queries and outputs (arXiv:2405.04434,
     * section 2.1.2).
     */
    public static <V> V absorbed(Ops<V> o, int i, Attention a, String module, V q, V shared, V latent, Tap<V> tap) {
        int turned = a.latent().dShared();
        int own = a.dHead() - turned;
        int width = a.latent().dLatent();
        V heads = o.transpose(q, 0, 2, 1, 3); // [1, head, pos, d_head]
        V up = o.reshape(o.matrix(module + "k"), a.nHeads(), own, width);
        V reads = o.matmul(o.slice(heads, 3, turned, Ops.END), up); // [1, head, pos, d_latent]
        V products = o.add(
                o.matmul(o.reshape(reads, 0, 1, -1, width), o.transpose(latent, 0, 1, 3, 2)),
                o.matmul(o.reshape(o.slice(heads, 3, 0, turned), 0, 1, -1, turned), o.transpose(shared, 0, 1, 3, 2)));
        V pattern = o.reshape(Attend.pattern(o, i, a, products, tap), 0, 1, -1, 0); // [1, 1, head * pos, key]
        V sums = o.reshape(o.matmul(pattern, latent), 0, a.nHeads(), -1, width);
        V values = o.reshape(o.matrix(module + "v"), a.nHeads(), a.dValue(), width);
        return tap.at(Z, i, o.transpose(o.matmul(sums, o.transpose(values, 0, 2, 1)), 0, 2, 1, 3));
    }
}
