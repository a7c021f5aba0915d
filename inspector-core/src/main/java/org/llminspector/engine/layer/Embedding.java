package org.llminspector.engine.layer;

import static org.llminspector.hook.HookPoint.*;

import org.llminspector.family.Weights;
import org.llminspector.spec.DecoderSpec;
import org.llminspector.spec.DecoderSpec.LayerInputs;

/**
 * The ends of a decoder: from token ids to the residual stream, and from there to logits.
 *
 * @param <V> a back end's value
 */
public final class Embedding<V> {

    private final DecoderSpec spec;
    private final Ops<V> o;
    private final Tap<V> tap;
    private final AltUpdates<V> altUp; // null for a stream of one form

    public Embedding(DecoderSpec spec, Ops<V> ops, Tap<V> tap) {
        this.spec = spec;
        this.o = ops;
        this.tap = tap;
        this.altUp = AltUpdates.of(spec, ops, tap);
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
        return new Embedded<>(altUp == null ? x : tap.at(EMBED_FORMS, -1, altUp.embedded(x)), inputs);
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

    /** The residual stream after the last layer, [1, pos, d_model], or its forms, to the last hidden state. */
    public V normed(V x) {
        V stream = altUp == null ? x : altUp.merged(x);
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
