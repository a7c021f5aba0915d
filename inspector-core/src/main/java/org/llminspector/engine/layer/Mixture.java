package org.llminspector.engine.layer;

import static org.llminspector.hook.HookPoint.*;

import java.util.ArrayList;
import java.util.List;
import org.llminspector.engine.Part;
import org.llminspector.engine.layer.Ops.Fn;
import org.llminspector.hook.HookPoint;
import org.llminspector.spec.Experts;
import org.llminspector.spec.Mlp;
import org.llminspector.spec.Norm;
import org.llminspector.spec.Routing;

/**
 * A mixture-of-experts MLP: {@link Experts}.
 *
 * @param <V> a back end's value
 */
final class Mixture<V> {

    private final Ops<V> o;
    private final Tap<V> tap;
    private final FeedForward<V> mlp;
    private final int dModel;

    Mixture(Ops<V> ops, Tap<V> tap, FeedForward<V> mlp, int dModel) {
        this.o = ops;
        this.tap = tap;
        this.mlp = mlp;
        this.dModel = dModel;
    }

    /**
     * [1, pos, d_model] to the same; the module's name ends with a dot.
     *
     * @param stream what {@code x} is the norm of, read by experts parallel to a dense MLP
     */
    V apply(int i, Mlp m, String module, V x, V stream) {
        Experts experts = m.experts();
        if (experts.parallelNorm() == null)
            return experts.dShared() == null
                    ? mixed(i, m, module, x, x)
                    : o.add(mixed(i, m, module, x, x), shared(i, m, module, x));
        V read = o.norm(stream, experts.parallelNorm(), module + "experts_norm", dModel);
        V sum = mixed(i, m, module, scored(experts, module, stream), read);
        return o.add(
                o.norm(sum, experts.parallelNorm(), module + "experts_post_norm", dModel), shared(i, m, module, x));
    }

    /** What the router of experts parallel to a dense MLP reads: the stream, normed, times a learned vector / sqrt(d_model). */
    private V scored(Experts experts, String module, V stream) {
        Norm plain =
                new Norm(experts.parallelNorm().kind(), experts.parallelNorm().eps(), false, false);
        V normed =
                o.mul(o.norm(stream, plain, module + "router_norm", dModel), o.weight(module + "router.input_scale"));
        return o.mul(normed, o.number(1 / Math.sqrt(dModel)));
    }

    /** The weighted sum of the chosen experts' answers to x, [1, pos, d_model]. */
    private V mixed(int i, Mlp m, String module, V scored, V x) {
        Experts experts = m.experts();
        V logits = tap.at(ROUTER_LOGITS, i, o.exact(scored, module + "router")); // [1, pos, expert]
        List<V> best = best(experts, module, logits); // [1, pos, slot] each
        V chosen = chosen(i, best.get(1));
        V weights = best.get(0);
        if (experts.renormalised()) weights = o.div(weights, total(experts, weights));
        if (experts.routing() != null && experts.routing().factor() != 1)
            weights = o.mul(weights, o.number(experts.routing().factor()));
        if (experts.parallelNorm() != null) {
            V own = o.mul(o.oneHot(chosen, experts.count()), o.weight(module + "router.expert_scale"));
            weights = o.mul(weights, o.sum(own, 3));
        }
        weights = gated(i, experts, chosen, tap.at(EXPERT_WEIGHTS, i, weights));
        V factors = o.reshape(weights, 0, 0, 0, 1); // [1, pos, slot, 1]
        Routes<V> routes = o.routes(chosen, experts);
        List<V> sent = experts.weighsInput()
                ? routes.byExpert(o.mul(o.reshape(x, 0, 0, 1, dModel), factors), dModel)
                : routes.sent(x);
        V answers = answers(i, m, module + "experts.", routes, sent); // [1, pos, slot, d_model]
        return o.sum(experts.weighsInput() ? answers : o.mul(answers, factors), 2);
    }

    /** What the chosen scores are divided by, [1, pos, 1]. */
    private V total(Experts experts, V weights) {
        V sum = o.reshape(o.sum(weights, 2), 0, 0, 1);
        return experts.sumEpsilon() == 0 ? sum : o.add(sum, o.number(experts.sumEpsilon()));
    }

    /** Scores and indices of the chosen experts. */
    private List<V> best(Experts experts, String module, V logits) {
        Routing r = experts.routing();
        if (r != null && r.jitter() != null) return sparselyMixed(experts, r.jitter(), logits);
        V scores = r != null && r.sigmoid() ? o.apply(Fn.SIGMOID, logits) : o.softmax(logits);
        if (r == null || r.choosesTheBest()) return o.topK(scores, experts.active());
        V choice = r.choiceBias() ? o.add(scores, o.weight(module + "router.choice_bias")) : scores;
        // A masked expert would still compete with its bias as its score.
        choice = o.whereAbove(logits, -Routing.NEVER, choice, o.number(-Routing.NEVER));
        if (r.groups() > 1) choice = ofTheBestGroups(r, experts.count(), choice);
        V chosen = o.topK(choice, experts.active()).get(1);
        return List.of(o.gather(scores, chosen), chosen);
    }

    /** SparseMixer: {@link Routing#jitter}. */
    private List<V> sparselyMixed(Experts experts, float jitter, V logits) {
        List<V> weights = new ArrayList<>();
        List<V> indices = new ArrayList<>();
        V magnitude = o.mul(o.min(logits, o.mul(logits, o.number(-1))), o.number(-1));
        V left = logits;
        for (int slot = 0; slot < experts.active(); slot++) {
            List<V> best = o.topK(left, 1);
            V highest = best.get(0); // [1, pos, 1]
            V larger = o.mul(o.min(o.mul(magnitude, o.number(-1)), o.mul(highest, o.number(-1))), o.number(-1));
            V nearness = o.div(o.sub(logits, highest), larger);
            V near = o.whereAbove(nearness, -2.0 * jitter, left, o.number(-Routing.NEVER));
            weights.add(o.gather(o.softmax(near), best.get(1)));
            indices.add(best.get(1));
            V others = o.mul(o.sum(o.oneHot(best.get(1), experts.count()), 2), o.number(-1));
            left = o.whereAbove(others, -0.5, left, o.number(-Routing.NEVER));
        }
        return List.of(o.concat(2, weights), o.concat(2, indices));
    }

    /** Pushes experts outside the best groups below all others. */
    private V ofTheBestGroups(Routing r, int count, V choice) {
        V apart = o.reshape(choice, 0, 0, r.groups(), count / r.groups()); // [1, pos, group, expert of it]
        V groups = o.sum(o.topK(apart, r.groupBest()).get(0), 3); // [1, pos, group]
        V among = o.sum(o.oneHot(o.topK(groups, r.activeGroups()).get(1), r.groups()), 2);
        V kept = o.whereAbove(o.reshape(among, 0, 0, 0, 1), 0, apart, o.number(-Routing.NEVER));
        return o.reshape(kept, 0, 0, count);
    }

    private V chosen(int i, V indices) {
        if (!tap.wants(EXPERT_INDICES, i)) return indices;
        V seen = tap.at(EXPERT_INDICES, i, o.asNumbers(indices));
        return tap.changes(EXPERT_INDICES, i) ? o.asIndices(seen) : indices;
    }

    /**
     * The slots' weights after the per-expert hook; slots of a position with the same expert share its gate equally.
     */
    private V gated(int i, Experts experts, V chosen, V weights) {
        if (!tap.wants(EXPERT_GATES, i)) return weights;
        V is = o.oneHot(chosen, experts.count()); // [1, pos, slot, expert]
        V gates = tap.at(EXPERT_GATES, i, o.sum(o.mul(is, o.reshape(weights, 0, 0, 0, 1)), 2)); // [1, pos, expert]
        if (!tap.changes(EXPERT_GATES, i)) return weights;
        V times = o.clip(o.sum(is, 2), 1, experts.active());
        return o.sum(o.mul(is, o.reshape(o.div(gates, times), 0, 0, 1, experts.count())), 3);
    }

    private V answers(int i, Mlp m, String experts, Routes<V> routes, List<V> sent) {
        List<List<V>> in = routes.linears(sent, experts, Modules.in("", m));
        List<V> pre = seen(EXPERT_PRE, i, in.get(0), routes, m.dMlp());
        tap.ends(Part.MLP_IN, i);
        List<V> linear = m.gated() ? seen(EXPERT_PRE_LINEAR, i, in.get(1), routes, m.dMlp()) : List.of();
        List<V> neurons = new ArrayList<>();
        for (int p = 0; p < pre.size(); p++) {
            V active = mlp.activated(m, pre.get(p), experts);
            neurons.add(m.gated() ? o.mul(active, mlp.linear(m, linear.get(p))) : active);
        }
        neurons = seen(EXPERT_POST, i, neurons, routes, m.dMlp());
        tap.ends(Part.MLP_ACT, i);
        List<V> out = routes.linears(neurons, experts, List.of("out")).get(0);
        return tap.at(EXPERT_OUT, i, routes.bySlot(out, dModel));
    }

    private List<V> seen(HookPoint point, int i, List<V> rows, Routes<V> routes, int width) {
        if (!tap.wants(point, i)) return rows;
        V value = tap.at(point, i, routes.bySlot(rows, width)); // [1, pos, slot, d_mlp]
        return tap.changes(point, i) ? routes.byExpert(value, width) : rows;
    }

    /** The expert that processes every token. */
    private V shared(int i, Mlp m, String module, V x) {
        String expert = module + "shared_expert.";
        List<V> in = o.linears(x, Modules.in(expert, m)); // [1, pos, d_shared] each
        V neurons = mlp.activated(m, tap.at(SHARED_PRE, i, in.get(0)), expert);
        if (m.gated()) neurons = o.mul(neurons, mlp.linear(m, tap.at(SHARED_PRE_LINEAR, i, in.get(1))));
        V answer = o.linear(tap.at(SHARED_POST, i, neurons), expert + "out");
        if (m.experts().sharedGate()) {
            V gate = o.apply(Fn.SIGMOID, o.exact(x, module + "shared_expert_gate")); // [1, pos, 1]
            answer = o.mul(answer, tap.at(SHARED_GATE, i, gate));
        }
        if (m.experts().parallelNorm() != null)
            answer = o.norm(answer, m.experts().parallelNorm(), expert + "post_norm", dModel);
        return tap.at(SHARED_OUT, i, answer);
    }
}
