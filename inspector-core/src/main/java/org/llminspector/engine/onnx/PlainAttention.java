package org.llminspector.engine.onnx;

import static org.llminspector.engine.onnx.AttentionCore.reshape;
import static org.llminspector.hook.HookPoint.*;

import org.llminspector.spec.Attention;

/**
 * PlainAttention writes attention step by step, everything in it visible. Keys and values come in as they were,
 * [1, past, kv_head, d_head], and this pass's go out, in the number format of the cache.
 */
final class PlainAttention implements AttentionCore {

    private final GraphBuilder graph;
    private final Taps taps;
    private final Rotary rotary;
    private final Type cache;

    PlainAttention(GraphBuilder graph, Taps taps, Rotary rotary, Type cache) {
        this.graph = graph;
        this.taps = taps;
        this.rotary = rotary;
        this.cache = cache;
    }

    @Override
    public boolean flat() {
        return false;
    }

    @Override
    public boolean inPlace() {
        return false;
    }

    @Override
    public String write(int i, Attention a, String q, String k, String v) {
        if (a.rope() != null) {
            q = taps.at(ROT_Q, i, rotary.rotate(q, a.rope(), a.dHead()));
            k = taps.at(ROT_K, i, rotary.rotate(k, a.rope(), a.dHead()));
        }
        String keys = transpose(withPast("key", i, a, k), 0, 2, 3, 1); // [1, kv_head, d_head, key]
        String values = transpose(withPast("value", i, a, v), 0, 2, 1, 3); // [1, kv_head, key, d_head]
        // The query heads that share a key head lie side by side, as if they were more positions.
        String grouped = reshape(graph, transpose(q, 0, 2, 1, 3), 1, a.nKvHeads(), -1, a.dHead());
        String scores = graph.node("Mul", graph.node("MatMul", grouped, keys), graph.scalar(a.scale()));
        scores = Softcap.write(graph, reshape(graph, scores, 1, a.nHeads(), -1, 0), a.scoreSoftcap());
        scores = taps.at(ATTN_SCORES, i, graph.node("Add", scores, mask(a.window()))); // [1, head, query, key]
        String pattern = taps.at(PATTERN, i, graph.node("Softmax", new Attributes().with("axis", -1), scores));
        String z = graph.node("MatMul", reshape(graph, pattern, 1, a.nKvHeads(), -1, 0), values);
        return taps.at(Z, i, transpose(reshape(graph, z, 1, a.nHeads(), -1, a.dHead()), 0, 2, 1, 3));
    }

    /** All keys or values so far, [1, key, kv_head, d_head]. */
    private String withPast(String what, int layer, Attention a, String now) {
        boolean half = cache == Type.FLOAT16;
        String past = graph.input("past_" + what + "." + layer, cache, 1, -1, a.nKvHeads(), a.dHead());
        String kept = half ? graph.toHalf(now) : now;
        graph.output(kept, cache);
        graph.keep("new_" + what + "." + layer, kept);
        String all = graph.node("Concat", new Attributes().with("axis", 1), past, kept);
        return half ? graph.toFloat(all) : all;
    }

    /** [query, key]: 0 where a query may look, -inf where not. */
    private String mask(Integer window) {
        return graph.input(window == null ? "mask" : "mask." + window, Type.FLOAT, -1, -1);
    }

    private String transpose(String x, long... order) {
        return graph.node("Transpose", new Attributes().with("perm", order), x);
    }
}
