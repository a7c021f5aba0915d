package org.llminspector.engine.layer;

import static org.llminspector.hook.HookPoint.*;

import java.util.List;
import org.llminspector.engine.layer.Ops.Fn;
import org.llminspector.spec.Activation;
import org.llminspector.spec.Mlp;

/**
 * The MLP of a layer: {@link Mlp}.
 *
 * @param <V> a back end's value
 */
final class FeedForward<V> {

    private final Ops<V> o;
    private final Tap<V> tap;

    FeedForward(Ops<V> ops, Tap<V> tap) {
        this.o = ops;
        this.tap = tap;
    }

    /** [1, pos, d_model] to the same; the module's name ends with a dot. */
    V apply(int i, Mlp mlp, String module, V x) {
        List<V> in = o.linears(x, Modules.in(module, mlp)); // [1, pos, d_mlp] each
        V neurons = activated(mlp, cut(mlp, tap.at(MLP_PRE, i, in.get(0))), module);
        if (mlp.gated()) neurons = o.mul(neurons, linear(mlp, tap.at(MLP_PRE_LINEAR, i, in.get(1))));
        return o.linear(tap.at(MLP_POST, i, neurons), module + "out");
    }

    /** What of the gates [1, pos, d_mlp] is above {@link Mlp#cutoff}, less that threshold. */
    private V cut(Mlp mlp, V x) {
        if (mlp.cutoff() == null) return x;
        V centred = o.sub(x, o.mean(x));
        V deviation = o.apply(Fn.SQRT, o.mean(o.apply(Fn.SQUARE, centred)));
        return o.apply(Fn.RELU, o.sub(centred, o.mul(deviation, o.number(mlp.cutoff()))));
    }

    /** The activation function of the gate, or of the only branch. */
    V activated(Mlp mlp, V x, String module) {
        return activate(mlp.activation(), mlp.limit() == null ? x : o.min(x, o.number(mlp.limit())), module + "act.");
    }

    /** The linear branch that multiplies the gate's activations: with a limit, clipped and plus 1 (gpt-oss). */
    V linear(Mlp mlp, V x) {
        return mlp.limit() == null ? x : o.add(o.clip(x, -mlp.limit(), mlp.limit()), o.number(1));
    }

    /** @param act the prefix of the activation's own weights, or empty */
    V activate(Activation f, V x, String act) {
        return switch (f) {
            case RELU -> o.apply(Fn.RELU, x);
            case RELU_SQUARED -> o.apply(Fn.SQUARE, o.apply(Fn.RELU, x));
            case GELU -> o.apply(Fn.GELU, x);
            case GELU_TANH -> o.apply(Fn.GELU_TANH, x);
            case GELU_QUICK -> o.swish(x, 1.702);
            case SILU -> o.swish(x, 1);
            case XIELU -> xielu(x, act);
        };
    }

    /** xIELU (Huang and Schlag 2024), whose parameters each layer learned. */
    private V xielu(V x, String act) {
        V beta = o.weight(act + "beta");
        V below = o.sub(o.apply(Fn.EXPM1, o.min(x, o.weight(act + "eps"))), x);
        below = o.mul(below, o.add(o.weight(act + "alpha_n"), beta));
        V above = o.mul(o.apply(Fn.SQUARE, x), o.weight(act + "alpha_p"));
        return o.add(o.whereAbove(x, 0, above, below), o.mul(x, beta));
    }
}
