package org.llminspector.engine.onnx.layer;

import static org.llminspector.engine.onnx.layer.AttentionCore.reshape;
import static org.llminspector.hook.HookPoint.*;

import java.util.ArrayList;
import java.util.List;
import java.util.stream.LongStream;
import org.llminspector.engine.onnx.graph.Attributes;
import org.llminspector.engine.onnx.graph.GraphBuilder;
import org.llminspector.engine.onnx.graph.Taps;
import org.llminspector.engine.onnx.graph.Type;
import org.llminspector.engine.onnx.runtime.OnnxWeights;
import org.llminspector.hook.HookPoint;
import org.llminspector.spec.Experts;
import org.llminspector.spec.Mlp;
import org.llminspector.spec.Routing;

/**
 * Writes a mixture-of-experts MLP with plain operators: each expert processes the rows routed to it, which may be none.
 */
public final class MixtureGraph {

    private final GraphBuilder graph;
    private final Linears linears;
    private final OnnxWeights weights;
    private final Taps taps;
    private final boolean fused;
    private final long dModel;

    MixtureGraph(GraphBuilder graph, Linears linears, OnnxWeights weights, Taps taps, boolean fused, int dModel) {
        this.graph = graph;
        this.linears = linears;
        this.weights = weights;
        this.taps = taps;
        this.fused = fused;
        this.dModel = dModel;
    }

    /**
     * Routing of one layer.
     *
     * @param slots per position
     * @param mine an expert's slots of all positions, [slot of the expert]
     * @param place index of each slot in expert order, [slot of all positions]
     */
    private record Routes(long slots, List<String> mine, String place) {}

    /** [1, pos, d_model] to the same; the module's name ends with a dot. */
    String write(int i, Mlp mlp, String name, String x) {
        Experts experts = mlp.experts();
        String logits = taps.at(ROUTER_LOGITS, i, linears.exact(x, name + "router")); // [1, pos, expert]
        String[] best = best(experts, name, logits);
        String chosen = chosen(i, best[1]); // [1, pos, slot]
        String weights = best[0]; // [1, pos, slot]
        if (experts.renormalised()) weights = graph.node("Div", weights, sum(weights, -1, true));
        if (experts.routing() != null && experts.routing().factor() != 1)
            weights = graph.node("Mul", weights, graph.scalar(experts.routing().factor()));
        weights = gated(i, experts, chosen, taps.at(EXPERT_WEIGHTS, i, weights));
        String answers = answers(i, mlp, name + "experts.", routes(chosen, experts), x); // [1, pos, slot, d_model]
        String all = sum(graph.node("Mul", answers, unsqueezed(weights, -1)), 2, false);
        return experts.dShared() == null ? all : graph.node("Add", all, shared(i, mlp, name, x));
    }

    /** Scores and indices of the chosen experts, [1, pos, slot] each. */
    private String[] best(Experts experts, String name, String logits) {
        Routing r = experts.routing();
        boolean sigmoid = r != null && r.sigmoid();
        String scores = sigmoid
                ? graph.node("Sigmoid", logits)
                : graph.node("Softmax", new Attributes().with("axis", -1), logits);
        if (r == null || r.choosesTheBest()) return highest(scores, experts.active());
        String choice = scores; // [1, pos, expert]
        if (r.choiceBias()) choice = graph.node("Add", scores, weights.floats(graph, name + "router.choice_bias"));
        // A masked expert would still compete with its bias as its score.
        String never = graph.scalar(-Routing.NEVER);
        choice = graph.node("Where", graph.node("Less", logits, never), never, choice);
        if (r.groups() > 1) choice = ofTheBestGroups(r, choice, experts.count());
        String chosen = highest(choice, experts.active())[1];
        return new String[] {graph.node("GatherElements", new Attributes().with("axis", -1), scores, chosen), chosen};
    }

    /** Pushes experts outside the best groups below all others. */
    private String ofTheBestGroups(Routing r, String choice, long experts) {
        String apart = reshape(graph, choice, 0, 0, r.groups(), experts / r.groups()); // [1, pos, group, expert of it]
        String groups = sum(highest(apart, r.groupBest())[0], -1, false); // [1, pos, group]
        String numbers = graph.ints(LongStream.range(0, r.groups()).toArray());
        String among = graph.node("Equal", unsqueezed(highest(groups, r.activeGroups())[1], -1), numbers);
        among = unsqueezed(sum(graph.cast(among, Type.FLOAT), 2, false), -1); // [1, pos, group, 1]
        String is = graph.node("Greater", among, graph.scalar(0));
        return reshape(graph, graph.node("Where", is, apart, graph.scalar(-Routing.NEVER)), 0, 0, experts);
    }

    private String[] highest(String x, long of) {
        return graph.node("TopK", new Attributes(), new boolean[] {true, true}, x, count(of));
    }

    private String chosen(int i, String indices) {
        if (!taps.wants(EXPERT_INDICES, i)) return indices;
        String seen = taps.at(EXPERT_INDICES, i, graph.cast(indices, Type.FLOAT));
        return taps.changes(EXPERT_INDICES, i) ? graph.cast(seen, Type.INT64) : indices;
    }

    /**
     * The slots' weights after the per-expert hook; slots of a position with the same expert share its gate equally.
     */
    private String gated(int i, Experts experts, String chosen, String weights) {
        if (!taps.wants(EXPERT_GATES, i)) return weights;
        String numbers = graph.ints(LongStream.range(0, experts.count()).toArray());
        String is =
                graph.cast(graph.node("Equal", unsqueezed(chosen, -1), numbers), Type.FLOAT); // [1, pos, slot, expert]
        String gates = taps.at(EXPERT_GATES, i, sum(graph.node("Mul", is, unsqueezed(weights, -1)), 2, false));
        if (!taps.changes(EXPERT_GATES, i)) return weights;
        String times = graph.node("Max", sum(is, 2, false), graph.scalar(1));
        String each = graph.node("Div", gates, times); // [1, pos, expert]
        return sum(graph.node("Mul", is, unsqueezed(each, 2)), -1, false);
    }

    private Routes routes(String chosen, Experts experts) {
        String flat = reshape(graph, chosen, -1); // [slot of all positions]
        List<String> mine = new ArrayList<>();
        for (int e = 0; e < experts.count(); e++) {
            mine.add(reshape(graph, graph.node("NonZero", graph.node("Equal", flat, count(e))), -1));
        }
        String order = joined(mine, 0);
        Attributes rising = new Attributes().with("axis", 0).with("largest", 0);
        // Sorting the order gives each slot's index in it: the inverse permutation.
        String[] sorted = graph.node("TopK", rising, new boolean[] {true, true}, order, graph.node("Shape", flat));
        return new Routes(experts.active(), mine, sorted[1]);
    }

    private String answers(int i, Mlp mlp, String name, Routes routes, String x) {
        String table = reshape(graph, x, -1, dModel);
        List<String> pre = new ArrayList<>();
        List<String> linear = new ArrayList<>();
        for (int e = 0; e < routes.mine().size(); e++) {
            String position = graph.node("Div", routes.mine().get(e), count(routes.slots()));
            String sent = unsqueezed(graph.node("Gather", table, position), 0); // [1, slot of the expert, d_model]
            String expert = name + e + ".";
            List<String> modules = mlp.gated() ? List.of(expert + "gate", expert + "in") : List.of(expert + "in");
            List<String> in = linears.write(linears.markMaybeEmpty(sent), modules, false);
            pre.add(in.get(0));
            if (mlp.gated()) linear.add(in.get(1));
        }
        pre = hooked(EXPERT_PRE, i, pre, routes, mlp.dMlp());
        if (mlp.gated()) linear = hooked(EXPERT_PRE_LINEAR, i, linear, routes, mlp.dMlp());
        List<String> post = new ArrayList<>();
        for (int e = 0; e < pre.size(); e++) {
            String neurons = Activations.write(graph, mlp, pre.get(e), fused);
            post.add(mlp.gated() ? graph.node("Mul", neurons, Activations.linear(graph, mlp, linear.get(e))) : neurons);
        }
        post = hooked(EXPERT_POST, i, post, routes, mlp.dMlp());
        List<String> out = new ArrayList<>();
        for (int e = 0; e < post.size(); e++)
            out.add(linears.write(linears.markMaybeEmpty(post.get(e)), name + e + ".out"));
        return taps.at(EXPERT_OUT, i, bySlot(out, routes, dModel));
    }

    /** Each expert's rows after the per-slot hook. */
    private List<String> hooked(HookPoint point, int i, List<String> parts, Routes routes, long width) {
        if (!taps.wants(point, i)) return parts;
        String value = taps.at(point, i, bySlot(parts, routes, width));
        if (!taps.changes(point, i)) return parts;
        String table = reshape(graph, value, -1, width);
        return routes.mine().stream()
                .map(mine -> unsqueezed(graph.node("Gather", table, mine), 0))
                .toList();
    }

    /** Every expert's rows, [1, slot of the expert, width], to [1, pos, slot, width]. */
    private String bySlot(List<String> parts, Routes routes, long width) {
        String together = reshape(graph, joined(parts, 1), -1, width);
        return reshape(graph, graph.node("Gather", together, routes.place()), 1, -1, routes.slots(), width);
    }

    private String shared(int i, Mlp mlp, String name, String x) {
        String expert = name + "shared_expert.";
        List<String> modules = mlp.gated() ? List.of(expert + "gate", expert + "in") : List.of(expert + "in");
        List<String> in = linears.write(x, modules, false);
        String neurons = Activations.write(graph, mlp, taps.at(SHARED_PRE, i, in.get(0)), fused);
        if (mlp.gated())
            neurons = graph.node(
                    "Mul", neurons, Activations.linear(graph, mlp, taps.at(SHARED_PRE_LINEAR, i, in.get(1))));
        String answer = linears.write(taps.at(SHARED_POST, i, neurons), expert + "out");
        if (mlp.experts().sharedGate()) {
            String gate = graph.node("Sigmoid", linears.exact(x, name + "shared_expert_gate"));
            answer = graph.node("Mul", answer, taps.at(SHARED_GATE, i, gate)); // [1, pos, 1]
        }
        return taps.at(SHARED_OUT, i, answer);
    }

    private String joined(List<String> parts, long axis) {
        return graph.node("Concat", new Attributes().with("axis", axis), parts.toArray(String[]::new));
    }

    private String sum(String x, long axis, boolean keep) {
        return graph.node("ReduceSum", new Attributes().with("keepdims", keep ? 1 : 0), x, graph.ints(axis));
    }

    private String unsqueezed(String x, long axis) {
        return graph.node("Unsqueeze", x, graph.ints(axis));
    }

    private String count(long n) {
        return graph.ints(n);
    }
}
