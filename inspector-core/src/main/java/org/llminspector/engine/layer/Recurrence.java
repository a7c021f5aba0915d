package org.llminspector.engine.layer;

import static org.llminspector.hook.HookPoint.*;

import java.util.ArrayList;
import java.util.List;
import java.util.function.DoubleUnaryOperator;
import org.llminspector.engine.Part;
import org.llminspector.engine.layer.Ops.Fn;
import org.llminspector.spec.Activation;
import org.llminspector.spec.DeltaNet;
import org.llminspector.spec.Lightning;
import org.llminspector.spec.Mamba;
import org.llminspector.spec.Mamba2;
import org.llminspector.spec.Norm;
import org.llminspector.spec.Recurrent;
import org.llminspector.spec.RgLru;

/**
 * The recurrence that replaces attention in some layers: {@link Recurrent}. The kinds make what one step reads; the step
 * is {@link Steps}.
 *
 * @param <V> a back end's value
 */
final class Recurrence<V> {

    /** Added to the squared length of a delta net's keys and queries. */
    private static final double LENGTH_EPS = 1e-6;

    private final Ops<V> o;
    private final Tap<V> tap;
    private final Steps<V> steps;

    Recurrence(Ops<V> ops, Tap<V> tap) {
        this.o = ops;
        this.tap = tap;
        this.steps = new Steps<>(ops, tap);
    }

    /** [1, pos, d_model] to the same; the module's name ends with a dot. */
    V apply(int i, Recurrent r, String module, V x) {
        V post = post(i, r, module, x); // [1, pos, head, d_head]
        tap.ends(Part.SSM, i);
        return o.linear(o.flat(tap.at(SSM_POST, i, post), r.nHeads(), r.dHead()), module + "out");
    }

    private V post(int i, Recurrent r, String module, V x) {
        if (r instanceof Mamba m) return mamba(i, m, module, x);
        if (r instanceof Mamba2 m) return mamba2(i, m, module, x);
        if (r instanceof DeltaNet d) return deltaNet(i, d, module, x);
        if (r instanceof Lightning l) return lightning(i, l, module, x);
        return rgLru(i, (RgLru) r, module, x);
    }

    private V mamba(int i, Mamba m, String module, V in) {
        List<V> xz = o.linears(in, Modules.recurrent(module, m));
        V gate = gate(i, m, xz.get(1));
        V conv = o.swish(o.convolve(i, xz.get(0), module + "kernel", m.width()), 1); // [1, pos, channel]
        V x = tap.at(SSM_X, i, o.heads(conv, 1, m.dHead()));
        List<V> parts = o.linears(o.flat(x, 1, m.dHead()), Modules.selective(module));
        V rank = part(m.partNorm(), module + "dt_norm", m.dRank(), parts.get(0));
        V b = tap.at(SSM_B, i, o.heads(part(m.partNorm(), module + "b_norm", m.dState(), parts.get(1)), 1, m.dState()));
        V c = tap.at(SSM_C, i, o.heads(part(m.partNorm(), module + "c_norm", m.dState(), parts.get(2)), 1, m.dState()));
        V dt = tap.at(SSM_DT, i, o.heads(o.apply(Fn.SOFTPLUS, o.linear(rank, module + "dt")), 1, m.dHead()));
        tap.ends(Part.SSM_IN, i);
        V rate = o.mul(o.reshape(dt, 0, -1, 1, m.dHead(), 1), o.weight(module + "a.weight")); // a is [channel, d_state]
        V decay = tap.at(SSM_DECAY, i, o.apply(Fn.EXP, rate));
        V write = tap.at(SSM_WRITE, i, o.mul(dt, x));
        V y = o.add(steps.run(i, m, null, decay, write, b, c, null), o.mul(x, o.weight(module + "d.weight")));
        return o.mul(y, o.swish(gate, 1));
    }

    private V part(Norm norm, String module, int width, V x) {
        return norm == null ? x : o.norm(x, norm, module, width);
    }

    private V mamba2(int i, Mamba2 m, String module, V in) {
        List<V> parts = o.linears(in, Modules.recurrent(module, m)); // gate, x, b, c, dt
        V gate = gate(i, m, parts.get(0));
        List<Integer> sizes = List.of(m.nHeads() * m.dHead(), m.nKeyHeads() * m.dState(), m.nKeyHeads() * m.dState());
        List<V> xbc = convolved(i, m.width(), module, parts.subList(1, 4), sizes);
        V x = tap.at(SSM_X, i, o.heads(xbc.get(0), m.nHeads(), m.dHead()));
        V b = tap.at(SSM_B, i, o.heads(xbc.get(1), m.nKeyHeads(), m.dState()));
        V c = tap.at(SSM_C, i, o.heads(xbc.get(2), m.nKeyHeads(), m.dState()));
        V dt = o.apply(Fn.SOFTPLUS, o.add(parts.get(4), o.weight(module + "dt_bias.weight")));
        if (m.least() > 0 || m.most() != null)
            dt = o.clip(dt, m.least(), m.most() == null ? Float.MAX_VALUE : m.most());
        V each = tap.at(SSM_DT, i, o.heads(dt, m.nHeads(), 1));
        tap.ends(Part.SSM_IN, i);
        V rate = o.mul(o.reshape(each, 0, -1, m.nHeads(), 1, 1), column(module + "a.weight", m.nHeads(), 1));
        V decay = tap.at(SSM_DECAY, i, o.apply(Fn.EXP, rate));
        V write = tap.at(SSM_WRITE, i, o.mul(each, x));
        V read = steps.run(i, m, rate, decay, write, b, c, null);
        V y = o.add(read, o.mul(x, o.reshape(o.weight(module + "d.weight"), 1, 1, m.nHeads(), 1)));
        V act = o.swish(gate, 1);
        if (m.norm() == null) return o.mul(y, act);
        return m.normBeforeGate() ? o.mul(grouped(m, module, y), act) : grouped(m, module, o.mul(y, act));
    }

    /** The norm of each group's values, and a weight for all. */
    private V grouped(Mamba2 m, String module, V y) {
        int width = m.nHeads() * m.dHead();
        V flat = o.flat(y, m.nHeads(), m.dHead());
        if (m.normGroups() == 1) return o.heads(o.norm(flat, m.norm(), module + "norm", width), m.nHeads(), m.dHead());
        int each = width / m.normGroups();
        Norm plain = new Norm(m.norm().kind(), m.norm().eps(), false, false);
        V normed = o.norm(o.heads(flat, m.normGroups(), each), plain, module + "norm", each);
        return o.mul(
                o.heads(normed, m.nHeads(), m.dHead()),
                o.reshape(o.weight(module + "norm.weight"), 1, 1, m.nHeads(), m.dHead()));
    }

    private V deltaNet(int i, DeltaNet d, String module, V in) {
        List<V> parts = o.linears(in, Modules.recurrent(module, d)); // q, k, v, beta, gate, decay
        boolean low = d.dLatent() != null;
        V gate = gate(i, d, low ? o.linear(parts.get(4), module + "gate") : parts.get(4));
        V forget = low ? o.linear(parts.get(5), module + "decay") : parts.get(5);
        int keys = d.nKeyHeads() * d.dState();
        List<V> qkv = convolved(i, d.width(), module, parts.subList(0, 3), List.of(keys, keys, d.nHeads() * d.dHead()));
        double root = Math.sqrt(d.dState());
        V q = tap.at(SSM_Q, i, unit(d, qkv.get(0), 1 / root));
        V k = tap.at(SSM_K, i, unit(d, qkv.get(1), 1));
        V v = tap.at(SSM_V, i, o.heads(qkv.get(2), d.nHeads(), d.dHead()));
        V beta = o.apply(Fn.SIGMOID, parts.get(3)); // [1, pos, head]
        beta = tap.at(SSM_BETA, i, d.betaFactor() == 1 ? beta : o.mul(beta, o.number(d.betaFactor())));
        tap.ends(Part.SSM_IN, i);
        V soft = o.apply(Fn.SOFTPLUS, o.add(forget, o.weight(module + "dt_bias.weight")));
        V rate = o.mul(o.reshape(soft, 0, -1, d.nHeads(), 1, d.decays()), column(module + "a.weight", d.nHeads(), 1));
        V decay = tap.at(SSM_DECAY, i, o.apply(Fn.EXP, rate)); // [1, pos, head, 1, d_state or 1]
        V y = steps.run(i, d, rate, decay, v, k, q, o.reshape(beta, 0, -1, d.nHeads(), 1, 1));
        V normed = o.norm(y, d.norm(), module + "norm", d.dHead());
        return o.mul(normed, d.gate() == Activation.SILU ? o.swish(gate, 1) : o.apply(Fn.SIGMOID, gate));
    }

    /** Heads of length 1, times a factor. */
    private V unit(DeltaNet d, V x, double factor) {
        Norm length = new Norm(Norm.Kind.RMS, LENGTH_EPS / d.dState(), false, false);
        V rms = o.norm(o.heads(x, d.nKeyHeads(), d.dState()), length, "", d.dState());
        return o.mul(rms, o.number(factor / Math.sqrt(d.dState())));
    }

    private V lightning(int i, Lightning l, String module, V in) {
        List<V> parts = o.linears(in, Modules.recurrent(module, l)); // q, k, v, gate
        V q = tap.at(SSM_Q, i, o.heads(o.swish(parts.get(0), 1), l.nHeads(), l.dHead()));
        V k = tap.at(SSM_K, i, o.heads(o.swish(parts.get(1), 1), l.nHeads(), l.dHead()));
        V v = tap.at(SSM_V, i, o.heads(o.swish(parts.get(2), 1), l.nHeads(), l.dHead()));
        V gate = gate(i, l, parts.get(3));
        tap.ends(Part.SSM_IN, i);
        V decay = tap.at(SSM_DECAY, i, byHeads(l, v, d -> d));
        V y = steps.run(i, l, byHeads(l, v, Math::log), decay, tap.at(SSM_WRITE, i, v), k, q, null);
        int width = l.nHeads() * l.dHead();
        V normed = o.norm(o.flat(y, l.nHeads(), l.dHead()), l.norm(), module + "norm", width);
        return o.mul(o.heads(normed, l.nHeads(), l.dHead()), o.apply(Fn.SIGMOID, gate));
    }

    /** A function of the heads' decays at all positions of v, [1, pos, head, 1, 1]. */
    private V byHeads(Lightning l, V v, DoubleUnaryOperator of) {
        V same = o.mul(o.slice(v, 3, 0, 1), o.number(0)); // [1, pos, head, 1]
        List<V> heads = new ArrayList<>();
        for (int h = 0; h < l.nHeads(); h++) {
            V number = o.number(of.applyAsDouble(l.decay().get(h)));
            heads.add(o.add(o.slice(same, 2, h, h + 1L), number));
        }
        return o.reshape(o.concat(2, heads), 0, -1, l.nHeads(), 1, 1);
    }

    private V rgLru(int i, RgLru r, String module, V in) {
        List<V> xy = o.linears(in, Modules.recurrent(module, r)); // x, gate
        V gate = gate(i, r, xy.get(1));
        V x = tap.at(SSM_X, i, o.heads(o.convolve(i, xy.get(0), module + "kernel", r.width()), r.nHeads(), r.dHead()));
        V read = o.apply(Fn.SIGMOID, byHead(r, module + "input_gate", x));
        V forget = o.apply(Fn.SIGMOID, byHead(r, module + "decay_gate", x));
        tap.ends(Part.SSM_IN, i);
        V rate = o.mul(forget, o.reshape(o.weight(module + "a.weight"), 1, 1, r.nHeads(), r.dHead()));
        V decay = tap.at(SSM_DECAY, i, o.reshape(o.apply(Fn.EXP, rate), 0, -1, r.nHeads(), r.dHead(), 1));
        V square = o.apply(Fn.EXP, o.mul(rate, o.number(2)));
        V root = o.apply(Fn.SQRT, o.sub(o.number(1), square)); // makes the state's variance that of its input
        V first = o.reshape(o.firstPosition(), 1, -1, 1, 1);
        V factor = o.add(first, o.mul(o.sub(o.number(1), first), root));
        V write = tap.at(SSM_WRITE, i, o.mul(o.mul(x, read), factor));
        V y = steps.run(i, r, null, decay, write, null, null, null);
        return o.mul(y, o.apply(Fn.GELU_TANH, gate));
    }

    /** A product with a matrix of each head, [1, pos, head, d_head] to the same. */
    private V byHead(RgLru r, String module, V x) {
        V rows = o.matmul(o.transpose(x, 0, 2, 1, 3), o.weight(module + ".weight")); // [head, in, out]
        V bias = o.reshape(o.weight(module + ".bias"), 1, 1, r.nHeads(), r.dHead());
        return o.add(o.transpose(rows, 0, 2, 1, 3), bias);
    }

    private V gate(int i, Recurrent r, V x) {
        return tap.at(SSM_GATE, i, o.heads(x, r.nHeads(), r.dHead()));
    }

    /** The short convolution of several values together, and silu. */
    private List<V> convolved(int i, int width, String module, List<V> parts, List<Integer> sizes) {
        V all = o.swish(o.convolve(i, o.concat(2, parts), module + "kernel", width), 1);
        List<V> apart = new ArrayList<>();
        long from = 0;
        for (int size : sizes) {
            apart.add(o.slice(all, 2, from, from + size));
            from += size;
        }
        return apart;
    }

    /** A weight of each head, [1, 1, head, 1, width]. */
    private V column(String name, int heads, int width) {
        return o.reshape(o.weight(name), 1, 1, heads, 1, width);
    }
}
