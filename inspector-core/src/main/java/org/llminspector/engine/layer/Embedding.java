package org.llminspector.engine.layer;

import static org.llminspector.hook.HookPoint.*;

import java.util.ArrayList;
import java.util.List;
import org.llminspector.engine.layer.Ops.Fn;
import org.llminspector.family.Weights;
import org.llminspector.spec.DecoderSpec;
import org.llminspector.spec.DecoderSpec.LayerInputs;

/**
 * The ends of a decoder: from token ids to the residual stream, and from there to logits.
 *
 * @param <V> a back end's value
 */
public final class Embedding<V> {

    /** The least mean square of a form that is scaled, as in the reference. */
    private static final double LEAST_SQUARE = 1e-5;

    private final DecoderSpec spec;
    private final Ops<V> o;
    private final Tap<V> tap;

    public Embedding(DecoderSpec spec, Ops<V> ops, Tap<V> tap) {
        this.spec = spec;
        this.o = ops;
        this.tap = tap;
    }

    /**
     * What the layers read of tokens.
     *
     * @param stream the residual stream before the first layer, [1, pos, d_model], or its forms, [1, pos, form, d_model]
     * @param inputs of all layers, [1, pos, layer * d_ple], or null
     */
    public record Embedded<V>(V stream, V inputs) {}

    /** Token ids [1, pos]. */
    public Embedded<V> embed(V ids) {
        V x = o.embedding(ids);
        if (spec.dEmbed() != null) x = o.exact(x, "project_in"); // [1, pos, d_embed] before
        x = times(spec.embedScale(), x);
        if (spec.embedNorm() != null) x = o.norm(x, spec.embedNorm(), "ln_embed", spec.dModel());
        x = tap.at(EMBED, -1, x);
        if (spec.learnedPositions()) x = o.add(x, tap.at(POS_EMBED, -1, o.positions()));
        V inputs = spec.layerInputs() == null ? null : inputs(spec.layerInputs(), ids, x);
        return new Embedded<>(spec.altUp() == null ? x : tap.at(EMBED_FORMS, -1, forms(x)), inputs);
    }

    /** The inputs of a layer, [1, pos, d_ple], of those of all; null where there are none. */
    public V inputOf(int layer, V inputs) {
        if (inputs == null) return null;
        long width = spec.layerInputs().width();
        return o.slice(inputs, 2, layer * width, (layer + 1) * width);
    }

    /** {@link LayerInputs} of embeddings [1, pos, d_model], [1, pos, layer * d_ple]. */
    private V inputs(LayerInputs p, V ids, V x) {
        V seen = o.mul(o.exact(x, "ple.project"), o.number(1 / Math.sqrt(spec.dModel())));
        V apart = o.reshape(seen, 0, -1, spec.nLayers(), p.width());
        V normed = o.reshape(
                o.norm(apart, p.norm(), "ple.project_norm", p.width()), 0, -1, (long) spec.nLayers() * p.width());
        V own = o.mul(o.rows(Weights.LAYER_TABLE, ids), o.number(Math.sqrt(p.width())));
        return o.mul(o.add(normed, own), o.number(Math.sqrt(0.5)));
    }

    /** The first form [1, pos, d_model] and the others made of it, as long as it: [1, pos, form, d_model]. */
    private V forms(V x) {
        List<V> forms = new ArrayList<>(List.of(x));
        for (int f = 1; f < spec.altUp().forms(); f++) forms.add(asLong(o.exact(x, "altup." + f + ".project"), x));
        return o.concat(2, forms.stream().map(this::form).toList());
    }

    /** The mean of the forms [1, pos, form, d_model], each mapped back and as long as the first: [1, pos, d_model]. */
    private V merged(V forms) {
        V first = form(forms, 0);
        V sum = first;
        for (int f = 1; f < spec.altUp().forms(); f++)
            sum = o.add(sum, asLong(o.exact(form(forms, f), "altup." + f + ".unproject"), first));
        return o.mul(sum, o.number(1.0 / spec.altUp().forms()));
    }

    private V form(V x) {
        return o.reshape(x, 0, -1, 1, spec.dModel());
    }

    private V form(V forms, int f) {
        return o.reshape(o.slice(forms, 2, f, f + 1L), 0, -1, spec.dModel());
    }

    /** x scaled to the root mean square of another vector. */
    private V asLong(V x, V other) {
        V mean = o.clip(o.mean(o.apply(Fn.SQUARE, x)), LEAST_SQUARE, Float.MAX_VALUE);
        V target = o.apply(Fn.SQRT, o.mean(o.apply(Fn.SQUARE, other)));
        return o.mul(x, o.div(target, o.apply(Fn.SQRT, mean)));
    }

    /** The residual stream after the last layer, [1, pos, d_model], or its forms, to the last hidden state. */
    public V normed(V x) {
        V stream = spec.altUp() == null ? x : merged(x);
        V h = spec.finalNorm() == null
                ? stream
                : o.norm(
                        stream,
                        spec.finalNorm(),
                        "ln_final",
                        spec.dModel(),
                        LN_FINAL_SCALE,
                        LN_FINAL_NORMALIZED,
                        -1,
                        tap);
        h = tap.at(LN_FINAL_OUT, -1, h);
        return spec.dEmbed() == null ? h : o.exact(h, "project_out"); // [1, pos, d_embed]
    }

    /** The residual stream after the last layer, [1, pos, d_model], or its forms, to logits [1, pos, vocab]. */
    public V unembed(V x) {
        V logits = times(spec.logitScale(), o.linear(normed(x), "unembed"));
        return tap.at(LOGITS, -1, Attend.softcap(o, logits, spec.logitSoftcap()));
    }

    private V times(Float factor, V x) {
        return factor == null || factor == 1f ? x : o.mul(x, o.number(factor));
    }
}
