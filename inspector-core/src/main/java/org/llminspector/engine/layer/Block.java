package org.llminspector.engine.layer;

import static org.llminspector.hook.HookPoint.*;

import java.util.List;
import org.llminspector.engine.Part;
import org.llminspector.hook.HookPoint;
import org.llminspector.hook.StreamHooks;
import org.llminspector.spec.Attention;
import org.llminspector.spec.DecoderSpec;
import org.llminspector.spec.LayerSpec;
import org.llminspector.spec.LayerSpec.Laurel;
import org.llminspector.spec.ShortConv;
import org.llminspector.spec.StreamFactors;

/**
 * A decoder's layer: what {@link LayerSpec} describes, read from top to bottom.
 *
 * @param <V> a back end's value
 */
public final class Block<V> {

    private final DecoderSpec spec;
    private final Ops<V> o;
    private final Tap<V> tap;
    private final Attend<V> attention;
    private final LatentAttention<V> latents;
    private final Convolution<V> convolution;
    private final Recurrence<V> recurrence;
    private final FeedForward<V> mlp;
    private final Mixture<V> mixture;
    private final AltUpdates<V> altUp;

    public Block(DecoderSpec spec, Ops<V> ops, Tap<V> tap) {
        this.spec = spec;
        this.o = ops;
        this.tap = tap;
        this.attention = new Attend<>(ops, tap, spec.dModel());
        this.latents = new LatentAttention<>(ops, tap);
        this.convolution = new Convolution<>(ops, tap);
        this.recurrence = new Recurrence<>(ops, tap);
        this.mlp = new FeedForward<>(ops, tap);
        this.mixture = new Mixture<>(ops, tap, mlp, spec.dModel());
        this.altUp = AltUpdates.of(spec, ops, tap);
    }

    /** What is added to the stream, and the stream that it is added to, [1, pos, d_model] each. */
    private record Sum<V>(V stream, V added) {}

    /**
     * The residual stream before layer i to that after it, [1, pos, d_model] each, or its forms, [1, pos, form, d_model].
     *
     * @param input the token's own input to this layer, [1, pos, d_ple], or null
     */
    public V layer(int i, V x, V input) {
        LayerSpec layer = spec.layers().get(i);
        if (altUp == null) return tap.at(RESID_POST, i, end(i, layer, body(i, layer, tap.at(RESID_PRE, i, x)), input));
        V predictions = altUp.predictions(i, x);
        V pre = tap.at(RESID_PRE, i, altUp.first(predictions));
        if (tap.changes(RESID_PRE, i)) predictions = altUp.withFirst(predictions, pre);
        V forms = altUp.corrected(i, predictions, body(i, layer, pre));
        V added = input == null ? null : ofInput(i, altUp.gated(i, forms), input);
        return altUp.leaves(i, added == null ? forms : altUp.addToOthers(forms, added));
    }

    /** The stream [1, pos, d_model] after mixer and MLP. */
    private V body(int i, LayerSpec layer, V pre) {
        if (layer.mixer() == null || !layer.feedsForward()) return half(i, layer, pre);
        Sum<V> sum = mixed(i, layer, pre);
        V mid = layer.parallel() ? sum.stream() : tap.at(RESID_MID, i, o.add(sum.stream(), sum.added()));
        V read = readByMlp(i, layer, mid);
        V m = fedForward(i, layer, read, mid);
        return layer.parallel()
                ? o.add(o.add(m, sum.added()), sum.stream())
                : o.add(fedStream(layer, layer.streamNorms() ? read : mid), m);
    }

    /** The stream after the layer's input is added and its factor multiplied. */
    private V end(int i, LayerSpec layer, V post, V input) {
        V all = input == null ? post : o.add(post, ofInput(i, post, input));
        return layer.scaled() ? o.mul(all, o.weight("blocks." + i + ".out_scale.weight")) : all;
    }

    /** What the token's own input [1, pos, d_ple] adds, gated by the stream: [1, pos, d_model]. */
    private V ofInput(int i, V x, V input) {
        String module = "blocks." + i + ".ple.";
        V own = tap.at(PLE_INPUT, i, input);
        V gate = mlp.activate(spec.layerInputs().activation(), tap.at(PLE_PRE, i, o.linear(x, module + "gate")), "");
        V out = o.linear(tap.at(PLE_POST, i, o.mul(gate, own)), module + "out");
        return tap.at(PLE_OUT, i, o.norm(out, spec.layerInputs().norm(), module + "out_norm", spec.dModel()));
    }

    /** A layer with a mixer or an MLP alone. */
    private V half(int i, LayerSpec layer, V pre) {
        if (layer.mixer() == null) return o.add(pre, fedForward(i, layer, readByMlp(i, layer, pre), pre));
        Sum<V> sum = mixed(i, layer, pre);
        return o.add(sum.stream(), sum.added());
    }

    /** The layer's first half alone: the stream plus what its mixer adds. */
    public V firstHalf(int i, V x) {
        if (spec.layers().get(i).mixer() == null) return x;
        Sum<V> sum = mixed(i, spec.layers().get(i), x);
        return o.add(sum.stream(), sum.added());
    }

    /**
     * The second half alone.
     *
     * @param pre the stream before the layer
     * @param mid what {@link #firstHalf} returned
     * @param input as in {@link #layer}
     */
    public V secondHalf(int i, V pre, V mid, V input) {
        LayerSpec layer = spec.layers().get(i);
        V read = readByMlp(i, layer, layer.parallel() ? pre : mid);
        V post = o.add(fedStream(layer, layer.streamNorms() ? read : mid), fedForward(i, layer, read, mid));
        return end(i, layer, post, input);
    }

    /** Attention, or a short convolution, of the normed stream. */
    private Sum<V> mixed(int i, LayerSpec layer, V pre) {
        String b = "blocks." + i + ".";
        V read = layer.ln1() == null
                ? pre
                : o.norm(pre, layer.ln1(), b + "ln1", spec.dModel(), LN1_SCALE, LN1_NORMALIZED, i, tap);
        tap.ends(Part.LN1, i);
        V a = attended(i, layer, b + "attn.", read);
        if (layer.mixer() instanceof ShortConv conv) {
            a = convolution.apply(i, conv, b + "conv.", read);
            tap.ends(Part.CONV_OUT, i);
        }
        if (layer.recurrence() != null) {
            V s = recurrence.apply(i, layer.recurrence(), b + "ssm.", read);
            tap.ends(Part.SSM_OUT, i);
            a = a == null ? s : o.add(tap.at(ATTN_OUT, i, a), tap.at(SSM_OUT, i, s));
        }
        if (layer.ln1Post() != null)
            a = tap.at(LN1_POST_OUT, i, o.norm(a, layer.ln1Post(), b + "ln1_post", spec.dModel()));
        V added = scaled(layer, a);
        StreamFactors f = layer.factors();
        if (f != null) added = times(f.mixed(), added);
        List<HookPoint> whole = StreamHooks.mixed(layer);
        if (whole.size() == 1) added = tap.at(whole.get(0), i, added);
        V stream = layer.streamNorms() ? read : pre;
        if (f != null) stream = times(f.mixedStream(), stream);
        if (layer.laurel() != null)
            stream = o.add(stream, tap.at(LAUREL_OUT, i, times(f.mixed(), laurel(i, layer, read))));
        return new Sum<>(stream, added);
    }

    /** {@link Laurel}: the layer's normed input and its low-rank product, normed. */
    private V laurel(int i, LayerSpec layer, V read) {
        String module = "blocks." + i + ".laurel.";
        V product = o.linear(o.linear(read, module + "left"), module + "right");
        return o.add(read, o.norm(product, layer.laurel().norm(), module + "out_norm", spec.dModel()));
    }

    /** Attention's output, or null in a layer without it. */
    private V attended(int i, LayerSpec layer, String module, V read) {
        if (!layer.attends()) return null;
        Attention spec = layer.attention();
        V a = spec.latent() == null
                ? attention.apply(i, spec, module, read)
                : attention.out(i, spec, module, latents.apply(i, spec, module, read));
        tap.ends(Part.O, i);
        return a;
    }

    private V readByMlp(int i, LayerSpec layer, V mid) {
        V read = layer.ln2() == null
                ? mid
                : o.norm(mid, layer.ln2(), "blocks." + i + ".ln2", spec.dModel(), LN2_SCALE, LN2_NORMALIZED, i, tap);
        tap.ends(Part.LN2, i);
        return read;
    }

    /** The MLP, dense or a mixture of experts: from the stream and its norm to what it adds to the stream. */
    private V fedForward(int i, LayerSpec layer, V read, V mid) {
        String b = "blocks." + i + ".";
        V m = layer.mlp().experts() == null
                ? mlp.apply(i, layer.mlp(), b + "mlp.", read)
                : mixture.apply(i, layer.mlp(), b + "mlp.", read, mid);
        tap.ends(Part.MLP_OUT, i);
        if (layer.ln2Post() != null)
            m = tap.at(LN2_POST_OUT, i, o.norm(m, layer.ln2Post(), b + "ln2_post", spec.dModel()));
        return tap.at(
                MLP_OUT,
                i,
                layer.factors() == null
                        ? scaled(layer, m)
                        : times(layer.factors().fed(), m));
    }

    private V fedStream(LayerSpec layer, V x) {
        return layer.factors() == null ? x : times(layer.factors().fedStream(), x);
    }

    private V times(float factor, V x) {
        return factor == 1 ? x : o.mul(x, o.number(factor));
    }

    private V scaled(LayerSpec layer, V x) {
        return layer.residualScale() == null ? x : o.mul(x, o.number(layer.residualScale()));
    }
}
