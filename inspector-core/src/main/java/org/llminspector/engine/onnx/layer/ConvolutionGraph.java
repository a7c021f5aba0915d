package org.llminspector.engine.onnx.layer;

import static org.llminspector.hook.HookPoint.*;

import java.util.List;
import org.llminspector.engine.onnx.graph.Attributes;
import org.llminspector.engine.onnx.graph.GraphBuilder;
import org.llminspector.engine.onnx.graph.Taps;
import org.llminspector.engine.onnx.graph.Type;
import org.llminspector.engine.onnx.runtime.OnnxWeights;
import org.llminspector.spec.ShortConv;

/**
 * Writes a gated short convolution ({@link ShortConv}) with plain operators. Its state is an input and an output, [1,
 * past, d_model].
 */
public final class ConvolutionGraph {

    private final GraphBuilder graph;
    private final Linears linears;
    private final OnnxWeights weights;
    private final Taps taps;
    private final int dModel;

    ConvolutionGraph(GraphBuilder graph, Linears linears, OnnxWeights weights, Taps taps, int dModel) {
        this.graph = graph;
        this.linears = linears;
        this.weights = weights;
        this.taps = taps;
        this.dModel = dModel;
    }

    /** [1, pos, d_model] to the same; the module's name ends with a dot. */
    String write(int i, ShortConv c, String name, String x) {
        List<String> in =
                linears.write(x, List.of(name + "b", name + "c", name + "x"), false); // [1, pos, d_model] each
        String b = taps.at(CONV_B, i, in.get(0));
        String gate = taps.at(CONV_C, i, in.get(1));
        String bx = taps.at(CONV_BX, i, graph.node("Mul", b, taps.at(CONV_X, i, in.get(2))));
        String before = graph.input("past_conv." + i, Type.FLOAT, 1, c.past(), dModel);
        String all = graph.node("Concat", new Attributes().with("axis", 1), before, bx); // [1, past + pos, d_model]
        String last = slice(all, 1, -c.past(), Integer.MAX_VALUE);
        graph.output(last, Type.FLOAT);
        graph.keep("new_conv." + i, last);
        String kernel = weights.floats(graph, name + "kernel.weight"); // [width, d_model]
        String sum = weights.has(name + "kernel.bias") ? weights.floats(graph, name + "kernel.bias") : null;
        for (int from = 0; from < c.width(); from++) { // the kernel's last row is of the own position
            int end = from - c.past();
            String shifted = slice(all, 1, from, end == 0 ? Integer.MAX_VALUE : end);
            String part = graph.node("Mul", shifted, slice(kernel, 0, from, from + 1));
            sum = sum == null ? part : graph.node("Add", part, sum);
        }
        String post = taps.at(CONV_POST, i, graph.node("Mul", gate, taps.at(CONV, i, sum)));
        return linears.write(post, name + "out");
    }

    private String slice(String x, int axis, long from, long to) {
        return graph.node("Slice", x, graph.ints(from), graph.ints(to), graph.ints(axis));
    }
}
