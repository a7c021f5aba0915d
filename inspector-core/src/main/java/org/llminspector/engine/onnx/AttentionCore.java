package org.llminspector.engine.onnx;

import org.llminspector.spec.Attention;

/** AttentionCore writes what happens between the projections: rotation, cache, scores, softmax, the sum of values. */
interface AttentionCore {

    /** Whether heads come in and go out side by side, [1, pos, head * d_head]. */
    boolean flat();

    /** Whether {@code write} takes q, k and v side by side, as its q and two empty names. */
    default boolean takesJoined(Attention a) {
        return false;
    }

    /** Whether the cache that comes in is memory for all positions, which goes out again; else rows come in and go out. */
    boolean inPlace();

    /**
     * @param q [1, pos, head, d_head]
     * @param k [1, pos, kv_head, d_head]
     * @param v [1, pos, kv_head, d_head]
     * @return [1, pos, head, d_head]
     */
    String write(int layer, Attention a, String q, String k, String v);

    /** The name of a layer's sinks [head] among the weights. */
    static String sinks(int layer) {
        return "blocks." + layer + ".attn.sinks.weight";
    }

    /** Reshapes by a pattern in which 0 keeps a size and -1 takes what is left. */
    static String reshape(GraphBuilder graph, String x, long... shape) {
        return graph.node("Reshape", x, graph.ints(shape));
    }
}
