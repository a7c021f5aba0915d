package org.llminspector.engine.onnx;

import static org.llminspector.engine.onnx.AttentionCore.reshape;

import org.llminspector.engine.onnx.GraphBuilder.Type;
import org.llminspector.spec.Attention;

/**
 * FusedAttention writes attention as one GroupQueryAttention, whose cache [1, kv_head, max_pos, d_head] comes in and
 * goes out as the same memory. It turns whole heads itself; partial and odd rotations are written out before it.
 */
final class FusedAttention implements AttentionCore {

    private final GraphBuilder graph;
    private final Rotary rotary;

    FusedAttention(GraphBuilder graph, Rotary rotary) {
        this.graph = graph;
        this.rotary = rotary;
    }

    /** Whether the operator takes heads of this size. */
    static boolean takes(Attention a) {
        return a.dHead() % 8 == 0;
    }

    @Override
    public boolean flat() {
        return true;
    }

    @Override
    public boolean takesJoined(Attention a) {
        return a.qNorm() == null && a.kNorm() == null && (a.rope() == null || turns(a));
    }

    /** Whether the operator turns these heads itself. */
    private static boolean turns(Attention a) {
        return a.rope() != null && a.rope().dims() == a.dHead() && a.dHead() % 16 == 0;
    }

    @Override
    public String write(int i, Attention a, String q, String k, String v) {
        boolean turns = turns(a);
        if (a.rope() != null && !turns) {
            q = rotated(q, a.nHeads(), a);
            k = rotated(k, a.nKvHeads(), a);
        }
        String[] tables = turns ? rotary.tables(a.rope()) : new String[] {"", ""};
        Attributes attributes = new Attributes()
                .with("num_heads", a.nHeads())
                .with("kv_num_heads", a.nKvHeads())
                .with("scale", a.scale())
                .with("do_rotary", turns ? 1 : 0)
                .with("local_window_size", a.window() == null ? -1 : a.window())
                .with("softcap", a.scoreSoftcap() == null ? 0f : a.scoreSoftcap());
        String[] out = graph.node(
                "GroupQueryAttention",
                attributes,
                new boolean[] {true, true, true},
                q,
                k,
                v,
                past("key", i, a),
                past("value", i, a),
                graph.input("last_position", Type.INT32, 1),
                graph.input("positions_so_far", Type.INT32),
                tables[0],
                tables[1]);
        present("key", i, out[1]);
        present("value", i, out[2]);
        return out[0];
    }

    private String rotated(String x, int heads, Attention a) {
        String apart = reshape(graph, x, 0, 0, heads, a.dHead());
        return reshape(graph, rotary.rotate(apart, a.rope(), a.dHead()), 0, 0, (long) heads * a.dHead());
    }

    private String past(String what, int layer, Attention a) {
        return graph.input("past_" + what + "." + layer, Type.FLOAT, 1, a.nKvHeads(), -1, a.dHead());
    }

    private void present(String what, int layer, String value) {
        graph.output(value, Type.FLOAT);
        graph.keep("new_" + what + "." + layer, value);
    }
}
