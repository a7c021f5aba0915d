package org.llminspector.engine.onnx.layer;

import java.util.Arrays;
import java.util.List;
import org.llminspector.base.Tensor;
import org.llminspector.engine.layer.PlainOps;
import org.llminspector.engine.onnx.graph.Attributes;
import org.llminspector.engine.onnx.graph.GraphBuilder;
import org.llminspector.engine.onnx.runtime.OnnxWeights;

/** A graph's nodes, and the operations that depend on the number of a pass's positions. */
abstract class LengthOps implements PlainOps<String> {

    final GraphBuilder graph;
    final OnnxWeights weights;

    LengthOps(GraphBuilder graph, OnnxWeights weights) {
        this.graph = graph;
        this.weights = weights;
    }

    /** The name of a value that a node may read. */
    String use(String x) {
        return x;
    }

    final String node(String operator, String... in) {
        return node(operator, new Attributes(), in);
    }

    final String node(String operator, Attributes attributes, String... in) {
        return graph.node(operator, attributes, used(in));
    }

    final String[] used(String... in) {
        return Arrays.stream(in).map(this::use).toArray(String[]::new);
    }

    final List<String> used(List<String> values) {
        return values.stream().map(this::use).toList();
    }

    @Override
    public List<String> byLength(int least, List<String> reads, Values<String> few, Values<String> many) {
        List<String> all = used(reads);
        String longer = node("Less", graph.ints(least - 1L), length(all.get(0)));
        return graph.either(longer, all, () -> used(many.of(all)), () -> used(few.of(all)));
    }

    private String length(String x) {
        return node("Shape", new Attributes().with("start", 1).with("end", 2), x);
    }

    @Override
    public String padded(String x, int multiple) {
        String after = node("Mod", node("Neg", length(x)), graph.ints(multiple)); // not negative
        Attributes axis = new Attributes().with("axis", 0);
        String pads = graph.node("Concat", axis, graph.ints(0), after);
        return graph.node("Pad", new Attributes(), use(x), pads, "", graph.ints(1));
    }

    @Override
    public String trimmed(String x, String like) {
        return node("Slice", x, graph.ints(0), length(like), graph.ints(1));
    }

    @Override
    public String count(int count, String like) {
        float[] numbers = new float[count];
        for (int i = 0; i < count; i++) numbers[i] = i;
        return weights.declare(graph, "count." + count, () -> Tensor.of(numbers, count));
    }
}
