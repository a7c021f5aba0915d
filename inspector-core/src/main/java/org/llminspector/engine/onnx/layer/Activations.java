package org.llminspector.engine.onnx.layer;

import org.llminspector.engine.onnx.graph.Attributes;
import org.llminspector.engine.onnx.graph.GraphBuilder;
import org.llminspector.engine.onnx.runtime.OnnxWeights;
import org.llminspector.spec.Mlp;

/** Writes activation functions as ONNX nodes. */
public final class Activations {

    private Activations() {}

    static String write(GraphBuilder graph, Mlp mlp, String in, boolean fused) {
        String x = mlp.limit() == null ? in : graph.node("Min", in, graph.scalar(mlp.limit()));
        return switch (mlp.activation()) {
            case RELU -> graph.node("Relu", x);
            case RELU_SQUARED -> {
                String positive = graph.node("Relu", x);
                yield graph.node("Mul", positive, positive);
            }
            case GELU -> graph.node("Gelu", x);
            case GELU_TANH -> graph.node("Gelu", new Attributes().with("approximate", "tanh"), x);
            case GELU_QUICK -> sigmoidTimes(graph, x, 1.702f, fused);
            case SILU -> sigmoidTimes(graph, x, 1f, fused);
            case XIELU -> throw new IllegalStateException("its numbers are weights: see xielu");
        };
    }

    /** xIELU, whose parameters each layer learned; {@code act} is the prefix of their weights' names. */
    static String xielu(GraphBuilder graph, OnnxWeights weights, String act, String x) {
        String beta = weights.floats(graph, act + "beta");
        String low = graph.node("Elu", graph.node("Min", x, weights.floats(graph, act + "eps")));
        String factor = graph.node("Add", weights.floats(graph, act + "alpha_n"), beta);
        String below = graph.node("Mul", graph.node("Sub", low, x), factor);
        String above = graph.node("Mul", graph.node("Mul", x, x), weights.floats(graph, act + "alpha_p"));
        String bent = graph.node("Where", graph.node("Greater", x, graph.scalar(0)), above, below);
        return graph.node("Add", bent, graph.node("Mul", x, beta));
    }

    /** The linear branch that multiplies the gate's activations: with a limit, clipped and plus 1 (gpt-oss). */
    static String linear(GraphBuilder graph, Mlp mlp, String x) {
        if (mlp.limit() == null) return x;
        String held = graph.node("Clip", x, graph.scalar(-mlp.limit()), graph.scalar(mlp.limit()));
        return graph.node("Add", held, graph.scalar(1));
    }

    /** x * sigmoid(alpha x). */
    private static String sigmoidTimes(GraphBuilder graph, String x, float alpha, boolean fused) {
        if (fused) return graph.node("QuickGelu", new Attributes().with("alpha", alpha), x);
        String scaled = alpha == 1f ? x : graph.node("Mul", x, graph.scalar(alpha));
        return graph.node("Mul", x, graph.node("Sigmoid", scaled));
    }
}
