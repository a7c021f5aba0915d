package org.llminspector.engine.onnx.layer;

import static org.llminspector.engine.onnx.layer.AttentionCore.reshape;
import static org.llminspector.hook.HookPoint.*;

import org.llminspector.engine.cache.KvFormat;
import org.llminspector.engine.cache.KvFormats;
import org.llminspector.engine.onnx.graph.Attributes;
import org.llminspector.engine.onnx.graph.GraphBuilder;
import org.llminspector.engine.onnx.graph.Taps;
import org.llminspector.engine.onnx.graph.Type;
import org.llminspector.engine.onnx.runtime.OnnxWeights;
import org.llminspector.spec.Attention;

/**
 * Writes attention with plain operators and all hooks. Past keys and values are inputs, [1, past, kv_head, d_head], and
 * this pass's are outputs, in the cache's number format; scales of codes likewise, [1, past, kv_head, 1].
 */
public final class PlainAttention implements AttentionCore {

    /** Smallest scale, so that a vector of zeros has zeros for codes. */
    private static final float LEAST_SCALE = 1e-30f;

    private final GraphBuilder graph;
    private final Taps taps;
    private final Rotary rotary;
    private final AlibiGraph alibis;
    private final KvFormats cache;
    private final OnnxWeights weights;

    PlainAttention(
            GraphBuilder graph, Taps taps, Rotary rotary, AlibiGraph alibis, KvFormats cache, OnnxWeights weights) {
        this.graph = graph;
        this.taps = taps;
        this.rotary = rotary;
        this.alibis = alibis;
        this.cache = cache;
        this.weights = weights;
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
        k = withPast("key", i, a.nKvHeads(), a.dHead(), cache.key(), k);
        v = withPast("value", i, a.nKvHeads(), a.dValue(), cache.value(), v);
        return attend(i, a, q, k, v);
    }

    /**
     * @param q [1, pos, head, d_head], rotated
     * @param k of all positions so far, [1, key, kv_head, d_head]
     * @param v [1, key, kv_head, d_value]
     * @return [1, pos, head, d_value]
     */
    String attend(int i, Attention a, String q, String k, String v) {
        String keys = transpose(k, 0, 2, 3, 1); // [1, kv_head, d_head, key]
        String values = transpose(v, 0, 2, 1, 3); // [1, kv_head, key, d_value]
        // Query heads that share a key head are folded into the position axis.
        String grouped = reshape(graph, transpose(q, 0, 2, 1, 3), 1, a.nKvHeads(), -1, a.dHead());
        String pattern = pattern(i, a, graph.node("MatMul", grouped, keys));
        String z = graph.node("MatMul", reshape(graph, pattern, 1, a.nKvHeads(), -1, 0), values);
        return taps.at(Z, i, transpose(reshape(graph, z, 1, a.nHeads(), -1, a.dValue()), 0, 2, 1, 3));
    }

    /** The attention pattern [1, head, query, key] from the products q . k, whose last axis is keys. */
    String pattern(int i, Attention a, String products) {
        String scores = graph.node("Mul", products, graph.scalar(a.scale()));
        scores = Softcap.write(graph, reshape(graph, scores, 1, a.nHeads(), -1, 0), a.scoreSoftcap());
        if (a.alibi() != null) scores = graph.node("Add", scores, alibis.write(a.alibi()));
        scores = taps.at(ATTN_SCORES, i, graph.node("Add", scores, mask(a.window()))); // [1, head, query, key]
        return taps.at(PATTERN, i, softmax(i, a, scores));
    }

    KvFormats cache() {
        return cache;
    }

    /** Softmax over keys and one learned sink logit per head (gpt-oss); the sink's column is dropped. */
    private String softmax(int i, Attention a, String scores) {
        Attributes last = new Attributes().with("axis", -1);
        if (!a.sinks()) return graph.node("Softmax", last, scores);
        String sinks = reshape(graph, weights.floats(graph, AttentionCore.sinks(i)), 1, a.nHeads(), 1, 1);
        String like = graph.node("Slice", scores, graph.ints(0), graph.ints(1), graph.ints(3)); // [1, head, query, 1]
        String shape = graph.node("Shape", like);
        String all =
                graph.node("Softmax", last, graph.node("Concat", last, scores, graph.node("Expand", sinks, shape)));
        return graph.node("Slice", all, graph.ints(0), graph.ints(-1), graph.ints(3));
    }

    /** Cached and new rows together, [1, key, heads, width], float32; the new ones become outputs. */
    String withPast(String what, int layer, int heads, int width, KvFormat format, String now) {
        return switch (format) {
            case FP32 -> joined(what, layer, heads, width, Type.FLOAT, now);
            case FP16 -> graph.toFloat(joined(what, layer, heads, width, Type.FLOAT16, graph.toHalf(now)));
            case INT8 -> {
                Attributes last = new Attributes().with("keepdims", 1);
                String largest = graph.node("ReduceMax", last, graph.node("Abs", now), graph.ints(-1));
                String scale =
                        graph.node("Max", graph.node("Div", largest, graph.scalar(127f)), graph.scalar(LEAST_SCALE));
                String codes = graph.cast(graph.node("Round", graph.node("Div", now, scale)), Type.INT8);
                String all = joined(what, layer, heads, width, Type.INT8, codes);
                String scales = joined(what + "_scale", layer, heads, 1, Type.FLOAT, scale);
                yield graph.node("Mul", graph.cast(all, Type.FLOAT), scales);
            }
        };
    }

    /** Concatenates the past input and the new rows, and declares the new rows as an output. */
    private String joined(String what, int layer, int heads, int width, Type type, String now) {
        String past = graph.input("past_" + what + "." + layer, type, 1, -1, heads, width);
        graph.output(now, type);
        graph.keep("new_" + what + "." + layer, now);
        return graph.node("Concat", new Attributes().with("axis", 1), past, now);
    }

    /** [query, key]: 0 where a query may attend, -inf elsewhere. */
    private String mask(Integer window) {
        return graph.input(window == null ? "mask" : "mask." + window, Type.FLOAT, -1, -1);
    }

    private String transpose(String x, long... order) {
        return graph.node("Transpose", new Attributes().with("perm", order), x);
    }
}
