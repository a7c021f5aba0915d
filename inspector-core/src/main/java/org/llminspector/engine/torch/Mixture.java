package org.llminspector.engine.torch;

import static org.llminspector.hook.HookPoint.*;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDArrays;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.index.NDIndex;
import ai.djl.ndarray.types.DataType;
import ai.djl.nn.Activation;
import java.util.function.BiFunction;
import org.llminspector.engine.Part;
import org.llminspector.engine.torch.TorchWeights.Mixed;
import org.llminspector.hook.HookPoint;
import org.llminspector.spec.Experts;
import org.llminspector.spec.Mlp;
import org.llminspector.spec.Routing;

/** Mixture-of-experts MLP of the {@link Decoder}, operation by operation. Runs on the engine thread. */
final class Mixture {

    private static final int[] LAST = {-1};

    private final ExpertMatrices matrices;
    private final BiFunction<Mlp, NDArray, NDArray> activate;
    private final BiFunction<Mlp, NDArray, NDArray> linear;

    /**
     * @param activate the MLP's non-linearity
     * @param linear what is applied to the linear branch
     */
    Mixture(
            ExpertMatrices matrices,
            BiFunction<Mlp, NDArray, NDArray> activate,
            BiFunction<Mlp, NDArray, NDArray> linear) {
        this.matrices = matrices;
        this.activate = activate;
        this.linear = linear;
    }

    /** [1, pos, d_model] to the same. */
    NDArray apply(int i, Mlp mlp, Mixed w, NDArray x, Tap tap) {
        Experts experts = mlp.experts();
        NDArray logits = tap.at(ROUTER_LOGITS, i, w.router().apply(x)); // [1, pos, expert]
        NDList best = best(experts, w, logits);
        NDArray chosen = tap.at(EXPERT_INDICES, i, best.get(1).toType(DataType.FLOAT32, false)); // [1, pos, slot]
        NDArray weights = best.get(0); // [1, pos, slot]
        if (experts.renormalised()) weights = weights.div(weights.sum(LAST, true));
        if (experts.routing() != null) weights = weights.mul(experts.routing().factor());
        weights = gated(i, experts, chosen, tap.at(EXPERT_WEIGHTS, i, weights), tap);
        Routes routes = new Routes(x.getManager(), numbers(chosen), experts.active(), experts.count());
        NDArray answers = answers(i, mlp, routes, x, tap); // [1, pos, slot, d_model]
        NDArray sum = answers.mul(weights.expandDims(-1)).sum(new int[] {2});
        return experts.dShared() == null ? sum : sum.add(shared(i, mlp, w, x, tap));
    }

    /** Scores and indices of the chosen experts, [1, pos, slot] each. */
    private static NDList best(Experts experts, Mixed w, NDArray logits) {
        Routing r = experts.routing();
        boolean sigmoid = r != null && r.sigmoid();
        NDArray scores = sigmoid ? Activation.sigmoid(logits) : logits.softmax(-1);
        if (r == null || r.choosesTheBest()) return scores.topK(experts.active(), -1, true, true);
        NDArray choice = r.choiceBias() ? scores.add(w.choiceBias()) : scores; // [1, pos, expert]
        // A masked expert would still compete with its bias as its score.
        choice = choice.add(
                logits.lt(-Routing.NEVER).toType(DataType.FLOAT32, false).mul(-Routing.NEVER));
        if (r.groups() > 1) choice = ofTheBestGroups(r, choice);
        NDArray chosen = choice.topK(experts.active(), -1, true, true).get(1);
        return new NDList(scores.gather(chosen, 2), chosen);
    }

    /** Pushes experts outside the best groups below all others. */
    private static NDArray ofTheBestGroups(Routing r, NDArray choice) {
        long positions = choice.getShape().get(1);
        NDArray apart = choice.reshape(1, positions, r.groups(), -1); // [1, pos, group, expert of it]
        NDArray groups = apart.topK(r.groupBest(), -1, true, true).head().sum(LAST); // [1, pos, group]
        NDArray among = groups.topK(r.activeGroups(), -1, true, true)
                .get(1)
                .oneHot(r.groups())
                .sum(new int[] {2}); // [1, pos, group]
        return apart.add(among.sub(1).mul(Routing.NEVER).expandDims(-1)).reshape(choice.getShape());
    }

    private static long[] numbers(NDArray chosen) {
        float[] values = chosen.toFloatArray();
        long[] numbers = new long[values.length];
        for (int s = 0; s < values.length; s++) numbers[s] = (long) values[s];
        return numbers;
    }

    /**
     * The slots' weights after the per-expert hook; slots of a position with the same expert share its gate equally.
     */
    private static NDArray gated(int i, Experts experts, NDArray chosen, NDArray weights, Tap tap) {
        if (!tap.wants(EXPERT_GATES, i)) return weights;
        NDArray is = chosen.toType(DataType.INT64, false).oneHot(experts.count()); // [1, pos, slot, expert]
        NDArray gates = tap.at(EXPERT_GATES, i, is.mul(weights.expandDims(-1)).sum(new int[] {2}));
        if (!tap.changes(EXPERT_GATES, i)) return weights;
        NDArray each = gates.div(is.sum(new int[] {2}).maximum(1)); // [1, pos, expert]
        return is.mul(each.expandDims(2)).sum(LAST);
    }

    private NDArray answers(int i, Mlp mlp, Routes routes, NDArray x, Tap tap) {
        NDArray sent = routes.sent(x); // [1, slot of all positions, d_model], in the order of experts
        NDList pre = new NDList();
        NDList ungated = new NDList();
        for (Routes.ExpertRange s : routes.expertRanges()) {
            NDArray[] in = matrices.in(i, s.expert(), mlp.gated()).apply(part(sent, s));
            pre.add(in[0]);
            if (mlp.gated()) ungated.add(in[1]);
        }
        NDArray neurons = activate.apply(mlp, seen(EXPERT_PRE, i, joined(pre), routes, tap));
        tap.ends(Part.MLP_IN, i);
        if (mlp.gated()) {
            neurons = neurons.mul(linear.apply(mlp, seen(EXPERT_PRE_LINEAR, i, joined(ungated), routes, tap)));
        }
        neurons = seen(EXPERT_POST, i, neurons, routes, tap);
        tap.ends(Part.MLP_ACT, i);
        NDList out = new NDList();
        for (Routes.ExpertRange s : routes.expertRanges()) {
            out.add(matrices.out(i, s.expert()).apply(part(neurons, s))[0]);
        }
        return tap.at(EXPERT_OUT, i, routes.bySlot(joined(out)));
    }

    private static NDArray part(NDArray together, Routes.ExpertRange s) {
        return together.get(new NDIndex().addAllDim().addSliceDim(s.from(), s.to()));
    }

    private static NDArray joined(NDList parts) {
        return parts.size() == 1 ? parts.head() : NDArrays.concat(parts, 1);
    }

    private static NDArray seen(HookPoint point, int i, NDArray together, Routes routes, Tap tap) {
        if (!tap.wants(point, i)) return together;
        return routes.gather(tap.at(point, i, routes.bySlot(together)));
    }

    private NDArray shared(int i, Mlp mlp, Mixed w, NDArray x, Tap tap) {
        NDArray[] in = w.sharedIn().apply(x); // [1, pos, d_mlp] each
        NDArray neurons = activate.apply(mlp, tap.at(SHARED_PRE, i, in[0]));
        if (mlp.gated()) neurons = neurons.mul(linear.apply(mlp, tap.at(SHARED_PRE_LINEAR, i, in[1])));
        NDArray answer = w.sharedOut().apply(tap.at(SHARED_POST, i, neurons));
        if (mlp.experts().sharedGate())
            answer = answer.mul(
                    tap.at(SHARED_GATE, i, Activation.sigmoid(w.sharedGate().apply(x)))); // [1, pos, 1]
        return tap.at(SHARED_OUT, i, answer);
    }
}
