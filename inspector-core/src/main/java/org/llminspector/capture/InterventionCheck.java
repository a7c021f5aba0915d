package org.llminspector.capture;

import java.util.Arrays;
import java.util.Collection;
import java.util.List;
import java.util.stream.Collectors;
import org.llminspector.base.Problem;
import org.llminspector.capture.Intervention.Op;
import org.llminspector.hook.Axis;
import org.llminspector.hook.HookId;
import org.llminspector.hook.HookPatterns;
import org.llminspector.hook.HookPoint;
import org.llminspector.hook.HookShape;
import org.llminspector.spec.DecoderSpec;
import org.llminspector.spec.DeltaNet;

/** Validation of a request's interventions against a model, before it runs. */
public final class InterventionCheck {

    /** Per request. */
    private static final int MAX_INTERVENTIONS = 1_000;

    private static final String OPS = Arrays.stream(Op.values()).map(Op::label).collect(Collectors.joining(", "));

    private InterventionCheck() {}

    /** @param maxPositions longest that the sequence can become */
    public static void check(DecoderSpec spec, List<Intervention> interventions, int maxPositions) {
        if (interventions.size() > MAX_INTERVENTIONS) {
            throw Problem.tooLarge("too many interventions")
                    .where("interventions")
                    .expected("at most " + MAX_INTERVENTIONS)
                    .found(interventions.size())
                    .instead("one takes a glob for its hook, and many heads, positions and features");
        }
        for (int i = 0; i < interventions.size(); i++) {
            check(spec, interventions.get(i), "interventions[" + i + "]", maxPositions);
        }
        Masks.check(spec, interventions, maxPositions);
    }

    private static void check(DecoderSpec spec, Intervention v, String at, int maxPositions) {
        if (v.hook() == null) throw missing(at + ".hook", "a hook name or glob");
        if (v.op() == null) throw missing(at + ".op", OPS);
        int operands = (v.value() == null ? 0 : 1) + (v.values() == null ? 0 : 1) + (v.from() == null ? 0 : 1);
        boolean takes = v.op() == Op.ADD || v.op() == Op.REPLACE;
        if (v.op().along()) direction(v, at);
        if (takes && operands != 1) throw missing(at, "exactly one of value, values and from");
        if (v.op() == Op.SCALE && (v.value() == null || operands != 1)) throw missing(at + ".value", "a number");
        if (!takes && v.op() != Op.SCALE && !v.op().along() && operands != 0) {
            throw Problem.invalid("the operation takes no value")
                    .where(at)
                    .expected("none of value, values and from with " + v.op().label());
        }
        if (v.value() != null && !finite(v.value())) throw missing(at + ".value", "a number that float32 holds");
        for (HookId id : HookPatterns.match(spec, List.of(v.hook()))) {
            long[] shape = HookShape.of(id.point(), spec, Math.max(0, id.layer()), maxPositions, maxPositions);
            range(v.heads(), id, shape, Axis.HEAD, at + ".heads");
            range(
                    v.positions(),
                    id,
                    shape,
                    id.point().axisIndex(Axis.POS) >= 0 ? Axis.POS : Axis.QUERY,
                    at + ".positions");
            range(v.keys(), id, shape, Axis.KEY, at + ".keys");
            last(v.features(), id, shape, at + ".features");
            experts(spec, v, id, at);
            if (v.op() == Op.MASK && id.point() != HookPoint.ATTN_SCORES && id.point() != HookPoint.ROUTER_LOGITS) {
                throw Problem.unsupported("only attention scores and a router's logits can be masked")
                        .where(at + " on " + id)
                        .expected("attn.hook_attn_scores or mlp.hook_router_logits")
                        .instead("use zero: a masked score is a key that is not read, anything else can only become 0");
            }
            boolean inStep = id.point() == HookPoint.SSM_STATE
                    || (id.point() == HookPoint.SSM_WRITE
                            && spec.layers().get(id.layer()).recurrence() instanceof DeltaNet);
            if (inStep && v.op() == Op.MEAN) {
                throw Problem.unsupported("a state is made position by position: it has no mean before the last one")
                        .where(at + " on " + id)
                        .expected("zero, scale, add, replace or freeze")
                        .instead("take the mean of ssm.hook_x or ssm.hook_v, of which the state is made");
            }
            if (v.op().along()) vectors(v, id, at);
            boolean hasKeys = id.point().axisIndex(Axis.KEY) >= 0;
            if (hasKeys && (v.op() == Op.MEAN || v.values() != null)) {
                throw Problem.unsupported("scores and patterns have no mean or vector over their positions")
                        .where(at + " on " + id)
                        .instead("use zero, scale, add or replace with a number, or replace from another run");
            }
            if (v.values() != null) {
                long width = v.features() == null
                        ? shape[shape.length - 1]
                        : v.features().size();
                if (v.values().size() != width || v.values().stream().anyMatch(x -> x == null || !finite(x))) {
                    throw Problem.invalid("the vector does not fit the hook")
                            .where(at + ".values on " + id)
                            .expected(width + " finite numbers")
                            .found(v.values().size());
                }
            }
        }
    }

    private static void direction(Intervention v, String at) {
        if (v.value() == null) throw missing(at + ".value", "a number beside the direction");
        if (v.values() == null) throw missing(at + ".values", "a direction: one number per picked feature");
        if (v.from() != null) throw missing(at, "value and values, and no from, with " + v.op().label());
        if (v.values().stream().anyMatch(x -> x == null || x != 0)) return;
        throw Problem.invalid("the direction is zero")
                .where(at + ".values")
                .expected("at least one number that is not 0")
                .found(v.values().size() + " zeros");
    }

    /** Whether the hook's last axis holds a vector's coordinates: keys, experts and a state's rows are none. */
    private static void vectors(Intervention v, HookId id, String at) {
        List<Axis> axes = id.point().axes();
        if (axes.get(axes.size() - 1).coordinates() && id.point() != HookPoint.SSM_STATE) return;
        throw Problem.unsupported("this value has no vectors that could have a direction")
                .where(at + " on " + id)
                .expected("a hook of vectors, such as hook_resid_post, hook_mlp_out or attn.hook_z, with "
                        + v.op().label())
                .found("axes " + axes.stream().map(Axis::label).toList())
                .instead("use zero, scale, add or replace");
    }

    /** Expert indices can only be replaced, by valid indices. */
    private static void experts(DecoderSpec spec, Intervention v, HookId id, String at) {
        if (id.point() != HookPoint.EXPERT_INDICES) return;
        if (v.op() != Op.REPLACE && v.op() != Op.FREEZE) {
            throw Problem.unsupported("an expert's number can only be replaced: it counts nothing")
                    .where(at + " on " + id)
                    .expected("replace or freeze")
                    .found(v.op().label())
                    .instead("to silence an expert, zero its feature of mlp.hook_expert_gates; to have another chosen,"
                            + " mask its feature of mlp.hook_router_logits");
        }
        int count = spec.layers().get(id.layer()).mlp().experts().count();
        List<Double> numbers = v.values() != null ? v.values() : v.value() == null ? List.of() : List.of(v.value());
        for (Double n : numbers) {
            if (n != null && n >= 0 && n < count && n == Math.rint(n)) continue;
            throw Problem.invalid("there is no such expert")
                    .where(at + " on " + id)
                    .expected("a whole number from 0 to " + (count - 1))
                    .found(n);
        }
    }

    private static void last(Collection<Integer> picked, HookId id, long[] shape, String at) {
        if (picked == null) return;
        if (id.point().axisIndex(Axis.KEY) >= 0) {
            throw Problem.invalid("scores and patterns have no features")
                    .where(at + " on " + id)
                    .instead("pick key positions with `keys`");
        }
        inside(picked, shape[shape.length - 1], at);
    }

    private static void range(Collection<Integer> picked, HookId id, long[] shape, Axis axis, String at) {
        if (picked == null) return;
        int index = id.point().axisIndex(axis);
        if (index < 0) {
            throw Problem.invalid("the hook has no such axis")
                    .where(at + " on " + id)
                    .expected("axes "
                            + id.point().axes().stream().map(Axis::label).toList());
        }
        inside(picked, shape[index], at);
    }

    private static void inside(Collection<Integer> picked, long size, String at) {
        for (Integer p : picked) {
            if (p == null || p < 0 || p >= size) {
                throw Problem.invalid("the selection is outside the axis")
                        .where(at)
                        .expected("0 to " + (size - 1))
                        .found(p);
            }
        }
    }

    private static Problem missing(String at, String expected) {
        return Problem.invalid("the intervention is incomplete").where(at).expected(expected);
    }

    /** Whether the number is finite in float32, which 1e308 is not. */
    private static boolean finite(double number) {
        return Float.isFinite((float) number);
    }
}
