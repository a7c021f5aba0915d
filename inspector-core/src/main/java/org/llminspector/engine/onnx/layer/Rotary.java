package org.llminspector.engine.onnx.layer;

import java.util.List;
import java.util.Objects;
import org.llminspector.engine.onnx.graph.Attributes;
import org.llminspector.engine.onnx.graph.GraphBuilder;
import org.llminspector.engine.onnx.graph.Type;
import org.llminspector.spec.Attention;
import org.llminspector.spec.DecoderSpec;
import org.llminspector.spec.Rope;

/** Writes RoPE of queries and keys; cos and sin are graph inputs, a pair for each distinct RoPE of the model. */
public final class Rotary {

    private final GraphBuilder graph;
    private final List<Rope> ropes;

    Rotary(GraphBuilder graph, DecoderSpec spec) {
        this.graph = graph;
        this.ropes = of(spec);
    }

    /** The distinct RoPE settings of a model; the inputs are named by their index. */
    public static List<Rope> of(DecoderSpec spec) {
        return spec.attentions()
                .map(Attention::rope)
                .filter(Objects::nonNull)
                .distinct()
                .toList();
    }

    /** Rotates each pair of [1, pos, head, d_head] by its position's angle. */
    String rotate(String x, Rope rope, int dHead) {
        boolean partial = rope.rotaryDims() < dHead;
        int half = rope.rotaryDims() / 2;
        String[] parts = partial ? split(x, rope.rotaryDims(), dHead - rope.rotaryDims()) : new String[] {x};
        String[] halves = split(parts[0], half, half);
        // x cos + (second half, first half) sin, with sin negative in the first half
        String swapped = concat(halves[1], halves[0]);
        String cos = graph.input("cos." + ropes.indexOf(rope), Type.FLOAT, -1, 1, rope.rotaryDims());
        String sin = graph.input("sin." + ropes.indexOf(rope), Type.FLOAT, -1, 1, rope.rotaryDims());
        String rotated = graph.node("Add", graph.node("Mul", parts[0], cos), graph.node("Mul", swapped, sin));
        return partial ? concat(rotated, parts[1]) : rotated;
    }

    /** Declares cos and sin of every position, [position, dims / 2], as GroupQueryAttention reads them. */
    String[] tables(Rope rope, Type type) {
        int r = ropes.indexOf(rope);
        return new String[] {
            graph.input("cos_table." + r, type, -1, rope.rotaryDims() / 2),
            graph.input("sin_table." + r, type, -1, rope.rotaryDims() / 2)
        };
    }

    private String[] split(String x, long... sizes) {
        return graph.node("Split", new Attributes().with("axis", -1), new boolean[] {true, true}, x, graph.ints(sizes));
    }

    private String concat(String a, String b) {
        return graph.node("Concat", new Attributes().with("axis", -1), a, b);
    }
}
