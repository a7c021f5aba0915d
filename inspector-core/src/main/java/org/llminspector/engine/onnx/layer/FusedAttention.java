package org.llminspector.engine.onnx.layer;

import static org.llminspector.engine.onnx.layer.AttentionCore.reshape;

import java.util.ArrayList;
import java.util.List;
import org.llminspector.engine.onnx.graph.Attributes;
import org.llminspector.engine.onnx.graph.GraphBuilder;
import org.llminspector.engine.onnx.graph.Type;
import org.llminspector.engine.onnx.runtime.OnnxWeights;
import org.llminspector.spec.Attention;
import org.llminspector.spec.DecoderSpec;

/**
 * Writes attention as one GroupQueryAttention operator. The operator rotates whole heads itself; other rotations are
 * written out before it.
 *
 * <p>Its cache [1, kv_head, max_pos, d_head] is input and output in the same memory: in FP32 on a CPU, in FP16 on CUDA,
 * where the operator does not support FP32.
 */
public final class FusedAttention implements AttentionCore {

    /** Index of the operator's input with one sink per head. */
    private static final int HEAD_SINK = 11;

    private final GraphBuilder graph;
    private final Rotary rotary;
    private final AlibiGraph alibis;
    private final boolean halves;
    private final OnnxWeights weights;

    FusedAttention(GraphBuilder graph, Rotary rotary, AlibiGraph alibis, boolean halves, OnnxWeights weights) {
        this.graph = graph;
        this.rotary = rotary;
        this.alibis = alibis;
        this.halves = halves;
        this.weights = weights;
    }

    /** Whether the operator supports the model's head sizes and score biases: on CUDA it has no ALiBi. */
    public static boolean takes(DecoderSpec spec, boolean cuda) {
        return spec.attentions()
                .allMatch(a -> a.dHead() % 8 == 0 && a.latent() == null && !(cuda && a.alibi() != null));
    }

    @Override
    public boolean flat() {
        return true;
    }

    @Override
    public boolean takesJoined(Attention a) {
        return !halves && a.qNorm() == null && a.kNorm() == null && (a.rope() == null || rotatesItself(a));
    }

    /** Whether the operator can rotate these heads itself. */
    private static boolean rotatesItself(Attention a) {
        return a.rope() != null && a.rope().dims() == a.dHead() && a.dHead() % 16 == 0;
    }

    @Override
    public boolean inPlace() {
        return true;
    }

    @Override
    public String write(int i, Attention a, String q, String k, String v) {
        boolean turns = rotatesItself(a);
        if (a.rope() != null && !turns) {
            q = rotated(q, a.nHeads(), a);
            k = rotated(k, a.nKvHeads(), a);
        }
        String[] tables = turns ? rotary.tables(a.rope(), type()) : new String[] {"", ""};
        Attributes attributes = new Attributes()
                .with("num_heads", a.nHeads())
                .with("kv_num_heads", a.nKvHeads())
                .with("scale", a.scale())
                .with("do_rotary", turns ? 1 : 0)
                .with("local_window_size", a.window() == null ? -1 : a.window())
                .with("softcap", a.scoreSoftcap() == null ? 0f : a.scoreSoftcap());
        List<String> inputs = new ArrayList<>(List.of(
                half(q),
                half(k),
                half(v),
                past("key", i, a),
                past("value", i, a),
                graph.input("last_position", Type.INT32, 1),
                graph.input("positions_so_far", Type.INT32),
                tables[0],
                tables[1]));
        if (a.alibi() != null) inputs.addAll(List.of("", alibis.write(a.alibi()))); // after position_ids
        if (a.sinks()) {
            while (inputs.size() < HEAD_SINK) inputs.add("");
            inputs.add(half(weights.floats(graph, AttentionCore.sinks(i))));
        }
        String[] out = graph.node(
                "GroupQueryAttention", attributes, new boolean[] {true, true, true}, inputs.toArray(String[]::new));
        present("key", i, out[1]);
        present("value", i, out[2]);
        return halves ? graph.toFloat(out[0]) : out[0];
    }

    private Type type() {
        return halves ? Type.FLOAT16 : Type.FLOAT;
    }

    private String half(String x) {
        return halves ? graph.toHalf(x) : x;
    }

    private String rotated(String x, int heads, Attention a) {
        String apart = reshape(graph, x, 0, 0, heads, a.dHead());
        return reshape(graph, rotary.rotate(apart, a.rope(), a.dHead()), 0, 0, (long) heads * a.dHead());
    }

    private String past(String what, int layer, Attention a) {
        return graph.input("past_" + what + "." + layer, type(), 1, a.nKvHeads(), -1, a.dHead());
    }

    private void present(String what, int layer, String value) {
        graph.output(value, type());
        graph.keep("new_" + what + "." + layer, value);
    }
}
