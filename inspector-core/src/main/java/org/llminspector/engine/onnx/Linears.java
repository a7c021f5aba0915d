package org.llminspector.engine.onnx;

/** Linears writes matrix products, each in the number format that its weight is held in. */
final class Linears {

    private final GraphBuilder graph;
    private final OnnxWeights weights;

    Linears(GraphBuilder graph, OnnxWeights weights) {
        this.graph = graph;
        this.weights = weights;
    }

    /** [1, pos, in] to [1, pos, out] through the weight [out, in] and the bias of that name. */
    String write(String x, String name) {
        return bias(graph.node("FusedMatMul", new Attributes().with("transB", 1), x, floats(name)), name);
    }

    /** Adds the bias of that name where there is one. */
    String bias(String y, String name) {
        return weights.has(name + ".bias") ? graph.node("Add", y, weights.floats(graph, name + ".bias")) : y;
    }

    /** The weight [out, in] in float32. */
    String floats(String name) {
        return weights.floats(graph, name + ".weight");
    }
}
