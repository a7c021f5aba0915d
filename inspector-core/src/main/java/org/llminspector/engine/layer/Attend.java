package org.llminspector.engine.layer;

import static org.llminspector.hook.HookPoint.*;

import java.util.List;
import org.llminspector.spec.Attention;
import org.llminspector.spec.Norm;

/**
 * Causal self-attention (Vaswani et al. 2017), with grouped queries, as {@link Attention} describes it.
 *
 * @param <V> a back end's value
 */
final class Attend<V> {

    private final Ops<V> o;
    private final Tap<V> tap;
    private final int dModel;

    Attend(Ops<V> ops, Tap<V> tap, int dModel) {
        this.o = ops;
        this.tap = tap;
        this.dModel = dModel;
    }

    /** [1, pos, d_model] to the same; the module's name ends with a dot. */
    V apply(int i, Attention a, String module, V x) {
        List<V> projected = o.linears(x, Modules.qkv(module, a));
        List<V> qkv = a.clip() == null
                ? projected
                : projected.stream().map(y -> o.clip(y, -a.clip(), a.clip())).toList();
        V q = tap.at(
                Q,
                i,
                heads(qkv.get(0), a.nHeads(), a, before(a, a.qNorm()), module + "q_norm")); // [1, pos, head, d_head]
        if (a.rope() != null) q = tap.at(ROT_Q, i, rotated(q, a, a.qNorm(), module + "q_norm"));
        if (a.queryScale() != null) q = o.mul(q, o.queryScale(a.queryScale()));
        V keys = a.keysFrom() == null ? keys(i, a, module, qkv.get(1)) : o.keysOf(a.keysFrom());
        V values = a.keysFrom() == null ? values(i, a, module, qkv.get(qkv.size() - 1)) : o.valuesOf(a.keysFrom());
        if (!a.gated()) return out(i, a, module, o.attend(i, a, q, keys, values, tap));
        V z = o.attend(i, a, q, keys, values, tap.without(Z));
        V gate = o.heads(o.apply(Ops.Fn.SIGMOID, o.linear(x, module + "gate")), a.nHeads(), a.dValue());
        return out(i, a, module, tap.at(Z, i, o.mul(z, tap.at(ATTN_GATE, i, gate))));
    }

    /** Projected keys [1, pos, kv_head * d_head] to all keys so far, [1, kv_head, key, d_head]. */
    private V keys(int i, Attention a, String module, V projected) {
        V k = tap.at(K, i, heads(projected, a.nKvHeads(), a, before(a, a.kNorm()), module + "k_norm"));
        if (a.rope() != null) k = tap.at(ROT_K, i, rotated(k, a, a.kNorm(), module + "k_norm"));
        return o.keys(i, k);
    }

    /** Projected values [1, pos, kv_head * d_value] to all values so far, [1, kv_head, key, d_value]. */
    private V values(int i, Attention a, String module, V projected) {
        V v = o.heads(projected, a.nKvHeads(), a.dValue());
        if (a.vNorm() != null) v = o.norm(v, a.vNorm(), module + "v_norm", a.dValue());
        return o.values(i, tap.at(V, i, a.valueScale() == null ? v : o.mul(v, o.number(a.valueScale()))));
    }

    /** The norm, if it precedes RoPE. */
    private static Norm before(Attention a, Norm norm) {
        return a.qkNormRotated() ? null : norm;
    }

    /** [1, pos, head, d_head] rotated by position, and normed if the norm follows. */
    private V rotated(V x, Attention a, Norm norm, String module) {
        V rotated = o.rotate(x, a.rope(), a.dHead());
        return norm == null || !a.qkNormRotated() ? rotated : o.norm(rotated, norm, module, a.dHead());
    }

    /** [1, pos, head * d_head] to [1, pos, head, d_head], normed over all heads together or one by one. */
    private V heads(V x, int n, Attention a, Norm norm, String module) {
        if (norm == null) return o.heads(x, n, a.dHead());
        if (a.qkNormWide()) return o.heads(o.norm(x, norm, module, n * a.dHead()), n, a.dHead());
        V h = o.heads(x, n, a.dHead());
        if (!a.qkNormByHead()) return o.norm(h, norm, module, a.dHead());
        V normed = o.norm(h, new Norm(norm.kind(), norm.eps(), false, false), module, a.dHead());
        return o.mul(normed, o.weight(module + ".weight")); // [head, d_head]
    }

    /** Heads' sums of values [1, pos, head, d_value] to what attention adds to the stream, [1, pos, d_model]. */
    V out(int i, Attention a, String module, V z) {
        if (tap.wants(RESULT, i)) {
            V byHead = o.reshape(o.matrix(module + "o"), dModel, a.nHeads(), a.dValue());
            V each = o.matmul(o.transpose(z, 0, 2, 1, 3), o.transpose(byHead, 1, 2, 0)); // [1, head, pos, d_model]
            V result = tap.at(RESULT, i, o.transpose(each, 0, 2, 1, 3)); // [1, pos, head, d_model]
            if (tap.changes(RESULT, i)) {
                V sum = o.sum(result, 2);
                return o.has(module + "o.bias") ? o.add(sum, o.weight(module + "o.bias")) : sum;
            }
        }
        return o.linear(o.flat(z, a.nHeads(), a.dValue()), module + "o");
    }

    /** {@link Ops#attend} with every value seen. */
    static <V> V composed(Ops<V> o, int i, Attention a, V q, V k, V v, Tap<V> tap) {
        V keys = o.transpose(k, 0, 1, 3, 2); // [1, kv_head, d_head, key]
        // Query heads that share a key head are folded into the position axis.
        V grouped = o.reshape(o.transpose(q, 0, 2, 1, 3), 0, a.nKvHeads(), -1, a.dHead());
        V pattern = pattern(o, i, a, o.matmul(grouped, keys), tap);
        V z = o.matmul(o.reshape(pattern, 0, a.nKvHeads(), -1, 0), v); // [1, kv_head, group * pos, d_value]
        return tap.at(Z, i, o.transpose(o.reshape(z, 0, a.nHeads(), -1, a.dValue()), 0, 2, 1, 3));
    }

    /** The attention pattern [1, head, query, key] from the products q . k, whose last axis is keys. */
    static <V> V pattern(Ops<V> o, int i, Attention a, V products, Tap<V> tap) {
        V scores = o.reshape(o.mul(products, o.number(a.scale())), 0, a.nHeads(), -1, 0);
        scores = tap.at(ATTN_SCORES, i, o.masked(softcap(o, scores, a.scoreSoftcap()), a));
        return tap.at(PATTERN, i, a.sinks() ? withSinks(o, i, a, scores) : o.softmax(scores));
    }

    /** Softmax over keys and one learned sink logit per head (gpt-oss); the sink's column is dropped. */
    private static <V> V withSinks(Ops<V> o, int i, Attention a, V scores) {
        V sinks = o.reshape(o.weight(Modules.sinks(i)), 1, a.nHeads(), 1, 1);
        V all = o.softmax(o.concat(3, List.of(scores, o.expand(sinks, scores, 0, 2))));
        return o.slice(all, 3, 0, -1);
    }

    /** {@code cap tanh(x / cap)} (Gemma 2); x itself for a null cap. */
    static <V> V softcap(Ops<V> o, V x, Float cap) {
        if (cap == null) return x;
        return o.mul(o.apply(Ops.Fn.TANH, o.div(x, o.number(cap))), o.number(cap));
    }
}
