package org.llminspector.engine.onnx.graph;

import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.llminspector.capture.Intervention.Op;
import org.llminspector.engine.layer.Tap;
import org.llminspector.hook.Axis;
import org.llminspector.hook.HookId;
import org.llminspector.hook.HookPoint;

/**
 * Hooks and interventions of a graph being written: a captured value becomes an output, a changed one is followed by
 * the nodes that change it.
 */
public final class Taps implements Tap<String> {

    /** Captures and changes nothing. */
    static final Taps NONE = new Taps(null, Set.of(), Map.of());

    /**
     * One intervention at one hook: {@code value' = mask ? f(value, operand) : value}; mask and operand are graph
     * inputs.
     *
     * @param intervention its index in the request
     */
    public record Step(int intervention, HookId hook, Op op) {

        /** Names of the inputs with the changed cells and the operand. */
        public String mask() {
            return name("mask");
        }

        public String operand() {
            return name("operand");
        }

        /** Factor, cap or multiple of an operation along a direction. */
        public String value() {
            return name("value");
        }

        /** For MEAN: whether this is the first pass, over whose positions the mean is taken. */
        public String first() {
            return name("first");
        }

        private String name(String part) {
            return "change." + intervention + "." + hook.name() + "." + part;
        }
    }

    private final GraphBuilder graph;
    private final Set<HookId> captured;
    private final Map<HookId, List<Step>> steps;
    final Map<HookId, String> outputs = new LinkedHashMap<>(); // of captured hooks
    final Map<Step, String> means = new LinkedHashMap<>(); // outputs with the first pass's means

    public Taps(GraphBuilder graph, Set<HookId> captured, Map<HookId, List<Step>> steps) {
        this.graph = graph;
        this.captured = captured;
        this.steps = steps;
    }

    @Override
    public boolean wants(HookPoint point, int layer) {
        return captured.contains(new HookId(point, layer)) || changes(point, layer);
    }

    @Override
    public boolean changes(HookPoint point, int layer) {
        return !steps.isEmpty() && steps.containsKey(new HookId(point, layer));
    }

    @Override
    public String at(HookPoint point, int layer, String value) {
        if (!wants(point, layer)) return value;
        String v = changed(point, layer, value);
        see(point, layer, v);
        return v;
    }

    @Override
    public String changed(HookPoint point, int layer, String value) {
        String v = value;
        for (Step step : steps.getOrDefault(new HookId(point, layer), List.of())) v = change(step, v);
        return v;
    }

    @Override
    public void see(HookPoint point, int layer, String value) {
        HookId id = new HookId(point, layer);
        if (!captured.contains(id)) return;
        graph.output(value, Type.FLOAT);
        outputs.put(id, value);
    }

    private String change(Step step, String value) {
        String mask = graph.input(step.mask(), Type.BOOL, anySize(step.hook()));
        String changed =
                switch (step.op()) {
                    case ZERO -> graph.scalar(0);
                    case MASK -> graph.scalar(Float.NEGATIVE_INFINITY);
                    case SCALE -> graph.node("Mul", value, operand(step));
                    case ADD -> graph.node("Add", value, operand(step));
                    case REPLACE, FREEZE -> operand(step);
                    case MEAN -> mean(step, value);
                    case SCALE_ALONG, CAP_ALONG, ADD_ALONG -> along(step, value, mask);
                };
        return graph.node("Where", mask, changed, value);
    }

    /** The mean over the first pass's positions, an input of later passes. */
    private String mean(Step step, String value) {
        String first = graph.input(step.first(), Type.BOOL);
        int axis = step.hook().point().axisIndex(Axis.POS);
        String now = graph.node("ReduceMean", new Attributes().with("keepdims", 1), value, graph.ints(axis));
        String mean = graph.node("Where", first, now, operand(step));
        graph.output(mean, Type.FLOAT);
        means.put(step, mean);
        return mean;
    }

    private String along(Step step, String value, String mask) {
        String unit = operand(step); // [.., features]
        String by = graph.input(step.value(), Type.FLOAT, anySize(step.hook()));
        String amount = // [.., 1]
                switch (step.op()) {
                    case SCALE_ALONG ->
                        graph.node("Mul", component(value, unit), graph.node("Sub", by, graph.scalar(1)));
                    case CAP_ALONG -> graph.node("Min", graph.node("Sub", by, component(value, unit)), graph.scalar(0));
                    default ->
                        graph.node("Mul", by, lastAxis("ReduceL2", graph.node("Where", mask, value, graph.scalar(0))));
                };
        return graph.node("Add", value, graph.node("Mul", amount, unit));
    }

    private String component(String value, String unit) {
        return lastAxis("ReduceSum", graph.node("Mul", value, unit));
    }

    private String lastAxis(String reduction, String value) {
        return graph.node(reduction, new Attributes().with("keepdims", 1), value, graph.ints(-1));
    }

    private String operand(Step step) {
        return graph.input(step.operand(), Type.FLOAT, anySize(step.hook()));
    }

    private static long[] anySize(HookId id) {
        long[] shape = new long[id.point().axes().size()];
        Arrays.fill(shape, -1);
        return shape;
    }

    /** Every step. */
    List<Step> steps() {
        return steps.values().stream().flatMap(List::stream).toList();
    }
}
