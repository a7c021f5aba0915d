package org.llminspector.engine.layer;

import static org.llminspector.hook.HookPoint.*;

import org.llminspector.spec.DecoderSpec;

/**
 * The ends of a decoder: from token ids to the residual stream, and from there to logits.
 *
 * @param <V> a back end's value
 */
public final class Embedding<V> {

    private final DecoderSpec spec;
    private final Ops<V> o;
    private final Tap<V> tap;

    public Embedding(DecoderSpec spec, Ops<V> ops, Tap<V> tap) {
        this.spec = spec;
        this.o = ops;
        this.tap = tap;
    }

    /** Token ids [1, pos] to the residual stream before the first layer, [1, pos, d_model]. */
    public V embed(V ids) {
        V x = o.embedding(ids);
        if (spec.dEmbed() != null) x = o.exact(x, "project_in"); // [1, pos, d_embed] before
        x = times(spec.embedScale(), x);
        if (spec.embedNorm() != null) x = o.norm(x, spec.embedNorm(), "ln_embed", spec.dModel());
        x = tap.at(EMBED, -1, x);
        return spec.learnedPositions() ? o.add(x, tap.at(POS_EMBED, -1, o.positions())) : x;
    }

    /** The residual stream after the last layer, [1, pos, d_model], to the last hidden state. */
    public V normed(V x) {
        V h = spec.finalNorm() == null
                ? x
                : o.norm(x, spec.finalNorm(), "ln_final", spec.dModel(), LN_FINAL_SCALE, LN_FINAL_NORMALIZED, -1, tap);
        h = tap.at(LN_FINAL_OUT, -1, h);
        return spec.dEmbed() == null ? h : o.exact(h, "project_out"); // [1, pos, d_embed]
    }

    /** The residual stream after the last layer, [1, pos, d_model], to logits [1, pos, vocab]. */
    public V unembed(V x) {
        V logits = times(spec.logitScale(), o.linear(normed(x), "unembed"));
        return tap.at(LOGITS, -1, Attend.softcap(o, logits, spec.logitSoftcap()));
    }

    private V times(Float factor, V x) {
        return factor == null || factor == 1f ? x : o.mul(x, o.number(factor));
    }
}
