package org.llminspector.engine.onnx.layer;

import org.llminspector.engine.onnx.graph.GraphBuilder;

/** Writes {@code cap * tanh(x / cap)} (Gemma 2). */
public final class Softcap {

    private Softcap() {}

    /** Returns {@code x} for a null cap. */
    static String write(GraphBuilder graph, String x, Float cap) {
        if (cap == null) return x;
        return graph.node("Mul", graph.node("Tanh", graph.node("Div", x, graph.scalar(cap))), graph.scalar(cap));
    }
}
