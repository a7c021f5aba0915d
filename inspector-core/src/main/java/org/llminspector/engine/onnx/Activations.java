package org.llminspector.engine.onnx;

import org.llminspector.spec.Activation;

/** Activations writes the neurons' non-linearities. */
final class Activations {

    private Activations() {}

    static String write(GraphBuilder graph, Activation activation, String x, boolean fused) {
        return switch (activation) {
            case RELU -> graph.node("Relu", x);
            case RELU_SQUARED -> {
                String positive = graph.node("Relu", x);
                yield graph.node("Mul", positive, positive);
            }
            case GELU -> graph.node("Gelu", x);
            case GELU_TANH -> graph.node("Gelu", new Attributes().with("approximate", "tanh"), x);
            case GELU_QUICK -> sigmoidTimes(graph, x, 1.702f, fused);
            case SILU -> sigmoidTimes(graph, x, 1f, fused);
        };
    }

    /** x * sigmoid(alpha x). */
    private static String sigmoidTimes(GraphBuilder graph, String x, float alpha, boolean fused) {
        if (fused) return graph.node("QuickGelu", new Attributes().with("alpha", alpha), x);
        String scaled = alpha == 1f ? x : graph.node("Mul", x, graph.scalar(alpha));
        return graph.node("Mul", x, graph.node("Sigmoid", scaled));
    }
}
