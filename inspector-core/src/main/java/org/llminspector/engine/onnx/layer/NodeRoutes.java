package org.llminspector.engine.onnx.layer;

import java.util.ArrayList;
import java.util.List;
import org.llminspector.engine.layer.Ops;
import org.llminspector.engine.layer.Routes;
import org.llminspector.engine.onnx.graph.Attributes;
import org.llminspector.engine.onnx.graph.GraphBuilder;
import org.llminspector.spec.Experts;

/** Routing as ONNX nodes: one part for each expert, whose rows may be none. */
final class NodeRoutes implements Routes<String> {

    private final Ops<String> o;
    private final GraphBuilder graph;
    private final Linears linears;
    private final long slots;
    private final long dModel;
    private final List<String> mine = new ArrayList<>(); // an expert's slots of all positions, [row]
    private final String shape; // of slots, [3]: batch, pos, slot
    private final String place; // each slot's row, [slot of all positions]

    NodeRoutes(Ops<String> ops, GraphBuilder graph, Linears linears, String chosen, Experts experts, int dModel) {
        this.o = ops;
        this.graph = graph;
        this.linears = linears;
        this.slots = experts.active();
        this.shape = graph.node("Shape", chosen);
        this.dModel = dModel;
        String flat = o.reshape(chosen, -1); // [slot of all positions]
        for (int e = 0; e < experts.count(); e++) {
            mine.add(o.reshape(graph.node("NonZero", graph.node("Equal", flat, graph.ints(e))), -1));
        }
        String order = o.concat(0, mine);
        Attributes rising = new Attributes().with("axis", 0).with("largest", 0);
        // Sorting the order gives each slot's index in it: the inverse permutation.
        place = graph.node("TopK", rising, new boolean[] {true, true}, order, graph.node("Shape", flat))[1];
    }

    @Override
    public List<String> sent(String x) {
        String table = o.reshape(x, -1, dModel);
        return mine.stream()
                .map(slots -> rows(table, graph.node("Div", slots, graph.ints(this.slots))))
                .toList();
    }

    @Override
    public List<List<String>> linears(List<String> rows, String experts, List<String> modules) {
        List<List<String>> out = modules.stream()
                .map(m -> (List<String>) new ArrayList<String>())
                .toList();
        for (int e = 0; e < rows.size(); e++) {
            String expert = experts + e + ".";
            String in = linears.markMaybeEmpty(rows.get(e));
            List<String> y = o.linears(in, modules.stream().map(m -> expert + m).toList());
            for (int m = 0; m < y.size(); m++) out.get(m).add(y.get(m));
        }
        return out;
    }

    @Override
    public String bySlot(List<String> rows, int width) {
        String together = o.reshape(o.concat(1, rows), -1, width);
        String size = graph.node("Concat", new Attributes().with("axis", 0), shape, graph.ints(width));
        return graph.node("Reshape", graph.node("Gather", together, place), size);
    }

    @Override
    public List<String> byExpert(String slots, int width) {
        String table = o.reshape(slots, -1, width);
        return mine.stream().map(own -> rows(table, own)).toList();
    }

    /** [1, row, width]. */
    private String rows(String table, String which) {
        return graph.node("Unsqueeze", graph.node("Gather", table, which), graph.ints(0));
    }
}
