package org.llminspector.engine.layer;

import static org.llminspector.hook.HookPoint.*;

import java.util.List;
import org.llminspector.engine.Part;
import org.llminspector.spec.ShortConv;

/**
 * The gated short convolution that replaces attention in some layers: {@link ShortConv}.
 *
 * @param <V> a back end's value
 */
final class Convolution<V> {

    private final Ops<V> o;
    private final Tap<V> tap;

    Convolution(Ops<V> ops, Tap<V> tap) {
        this.o = ops;
        this.tap = tap;
    }

    /** [1, pos, d_model] to the same; the module's name ends with a dot. */
    V apply(int i, ShortConv c, String module, V x) {
        List<V> in = o.linears(x, Modules.convolved(module)); // [1, pos, d_model] each
        V b = tap.at(CONV_B, i, in.get(0));
        V gate = tap.at(CONV_C, i, in.get(1));
        V bx = tap.at(CONV_BX, i, o.mul(b, tap.at(CONV_X, i, in.get(2))));
        tap.ends(Part.CONV_IN, i);
        V post = tap.at(CONV_POST, i, o.mul(gate, tap.at(CONV, i, o.convolve(i, bx, module + "kernel", c.width()))));
        tap.ends(Part.CONV, i);
        return o.linear(post, module + "out");
    }
}
