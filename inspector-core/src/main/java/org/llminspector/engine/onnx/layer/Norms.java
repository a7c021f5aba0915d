package org.llminspector.engine.onnx.layer;

import java.util.Arrays;
import java.util.stream.Stream;
import org.llminspector.base.Tensor;
import org.llminspector.engine.onnx.graph.Attributes;
import org.llminspector.engine.onnx.graph.GraphBuilder;
import org.llminspector.engine.onnx.graph.Taps;
import org.llminspector.engine.onnx.runtime.OnnxWeights;
import org.llminspector.hook.HookPoint;
import org.llminspector.spec.Norm;

/** Writes norms: with plain operators where hooks inside are possible, else with one operator. */
public final class Norms {

    private final GraphBuilder graph;
    private final OnnxWeights weights;
    private final Taps taps;
    private final boolean fused;

    Norms(GraphBuilder graph, OnnxWeights weights, Taps taps, boolean fused) {
        this.graph = graph;
        this.weights = weights;
        this.taps = taps;
        this.fused = fused;
    }

    /** A norm with hooks; {@code x} itself when there is none. */
    String write(String x, Norm norm, String name, HookPoint scale, HookPoint normalized, int layer) {
        if (norm == null) return x;
        if (fused) return write(x, norm, name);
        String centred = norm.kind() == Norm.Kind.LAYER ? graph.node("Sub", x, mean(x)) : x;
        String size = graph.node(
                "Sqrt", graph.node("Add", mean(graph.node("Mul", centred, centred)), graph.scalar((float) norm.eps())));
        size = taps.at(scale, layer, size); // [1, pos, 1]
        return weighted(taps.at(normalized, layer, graph.node("Div", centred, size)), name);
    }

    /** A norm over the last axis without hooks. */
    String write(String x, Norm norm, String name) {
        if (norm.kind() == Norm.Kind.RMS) {
            return graph.node("SimplifiedLayerNormalization", attributes(norm), x, weight(name));
        }
        return graph.node("LayerNormalization", attributes(norm), withBias(name, x, weight(name)));
    }

    /** A norm of [1, pos, head, d_head] over the last axis, with weights per head, [head, d_head]. */
    String byHead(String x, Norm norm, String name, int dHead) {
        String type = norm.kind() == Norm.Kind.RMS ? "SimplifiedLayerNormalization" : "LayerNormalization";
        return weighted(graph.node(type, attributes(norm), x, ones(dHead)), name);
    }

    /** The sum of two values and its norm, {sum, normed}, in one operator without hooks. */
    String[] addAndWrite(String x, String added, Norm norm, String name) {
        Attributes epsilon = new Attributes().with("epsilon", (float) norm.eps());
        boolean[] wanted = {true, false, false, true};
        String[] out = norm.kind() == Norm.Kind.RMS
                ? graph.node("SkipSimplifiedLayerNormalization", epsilon, wanted, x, added, weight(name))
                : graph.node("SkipLayerNormalization", epsilon, wanted, withBias(name, x, added, weight(name)));
        return new String[] {out[3], out[0]};
    }

    private String weighted(String x, String name) {
        String scaled = weights.has(name + ".weight") ? graph.node("Mul", x, weight(name)) : x;
        String bias = optionalBias(name);
        return bias.isEmpty() ? scaled : graph.node("Add", scaled, bias);
    }

    private String mean(String x) {
        return graph.node("ReduceMean", new Attributes().with("keepdims", 1), x, graph.ints(-1));
    }

    private static Attributes attributes(Norm norm) {
        return new Attributes().with("axis", -1).with("epsilon", (float) norm.eps());
    }

    /** The weight that the operators require: ones, where the norm has none. */
    private String weight(String name) {
        if (weights.has(name + ".weight")) return weights.floats(graph, name + ".weight");
        return ones(Math.toIntExact(weights.shape("embed.weight")[1]));
    }

    private String ones(int size) {
        return weights.declare(graph, "ones." + size, () -> {
            float[] ones = new float[size];
            Arrays.fill(ones, 1f);
            return Tensor.of(ones, size);
        });
    }

    /** Appends the bias if there is one. An empty last input instead crashes ONNX Runtime 1.29. */
    private String[] withBias(String name, String... inputs) {
        String bias = optionalBias(name);
        return bias.isEmpty()
                ? inputs
                : Stream.concat(Stream.of(inputs), Stream.of(bias)).toArray(String[]::new);
    }

    private String optionalBias(String name) {
        return weights.has(name + ".bias") ? weights.floats(graph, name + ".bias") : "";
    }
}
