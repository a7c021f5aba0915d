package org.llminspector.engine.onnx.layer;

import org.llminspector.engine.onnx.graph.GraphBuilder;
import org.llminspector.spec.Attention;

/** Writer of attention between the projections: rotation, cache, scores, softmax, the weighted sum of values. */
public interface AttentionCore {

    /** Whether inputs and outputs have their heads flat, [1, pos, head * d_head]. */
    boolean flat();

    /** Whether {@code write} takes q, k and v concatenated, as its q with two empty names. */
    default boolean takesJoined(Attention a) {
        return false;
    }

    /**
     * Whether the cache input is memory for all positions that is also the output; else past rows are the input and new
     * rows the output.
     */
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

    /** Reshape in which 0 keeps a size and -1 is inferred. */
    static String reshape(GraphBuilder graph, String x, long... shape) {
        return graph.node("Reshape", x, graph.ints(shape));
    }
}
