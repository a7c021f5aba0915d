package org.llminspector.engine.layer;

import java.util.List;
import org.llminspector.hook.HookPoint;
import org.llminspector.spec.Attention;
import org.llminspector.spec.Norm;

/**
 * Operations composed of others, with every hooked value inside; a back end overrides those that it has a faster form
 * of.
 *
 * @param <V> a back end's value
 */
public interface PlainOps<V> extends Ops<V> {

    @Override
    default List<V> linears(V x, List<String> modules) {
        return modules.stream().map(m -> linear(x, m)).toList();
    }

    @Override
    default V heads(V x, int heads, int width) {
        return reshape(x, 0, -1, heads, width);
    }

    @Override
    default V flat(V x, int heads, int width) {
        return reshape(x, 0, -1, (long) heads * width);
    }

    @Override
    default V norm(V x, Norm norm, String module, int width) {
        return norm(x, norm, module, width, HookPoint.LN1_SCALE, HookPoint.LN1_NORMALIZED, -1, Tap.none());
    }

    /** RMSNorm (Zhang and Sennrich 2019) or LayerNorm (Ba et al. 2016). */
    @Override
    default V norm(
            V x, Norm norm, String module, int width, HookPoint scale, HookPoint normalized, int layer, Tap<V> tap) {
        V centred = norm.kind() == Norm.Kind.LAYER ? sub(x, mean(x)) : x;
        V root = apply(Fn.SQRT, add(mean(apply(Fn.SQUARE, centred)), number(norm.eps())));
        V y = tap.at(normalized, layer, div(centred, tap.at(scale, layer, root)));
        if (norm.weight() && has(module + ".weight")) y = mul(y, weight(module + ".weight"));
        return norm.bias() && has(module + ".bias") ? add(y, weight(module + ".bias")) : y;
    }

    @Override
    default V swish(V x, double beta) {
        return mul(x, apply(Fn.SIGMOID, beta == 1 ? x : mul(x, number(beta))));
    }

    @Override
    default V convolve(int layer, V x, String module, int width) {
        V all = withState(layer, x, width - 1); // [1, past + pos, d_model]
        V kernel = weight(module + ".weight"); // its last row is of the own position
        V sum = has(module + ".bias") ? weight(module + ".bias") : null;
        for (int from = 0; from < width; from++) {
            V shifted = slice(all, 1, from, from == width - 1 ? END : from - width + 1L);
            V part = mul(shifted, slice(kernel, 0, from, from + 1L));
            sum = sum == null ? part : add(part, sum);
        }
        return sum;
    }

    @Override
    default V attend(int layer, Attention a, V q, V k, V v, Tap<V> tap) {
        return Attend.composed(this, layer, a, q, k, v, tap);
    }

    @Override
    default V attendLatent(int layer, Attention a, String module, V q, V shared, V latent, Tap<V> tap) {
        return LatentAttention.expanded(this, layer, a, module, q, shared, latent, tap);
    }
}
