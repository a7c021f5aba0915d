package org.llminspector.engine.layer;

import static org.llminspector.hook.HookPoint.*;

import java.util.ArrayList;
import java.util.List;
import org.llminspector.engine.layer.Ops.Fn;
import org.llminspector.spec.DecoderSpec;
import org.llminspector.spec.DecoderSpec.AltUp;

/**
 * The forms of the residual stream: of the embedding, before and after a layer, and what the unembedding reads: {@link
 * AltUp}.
 *
 * @param <V> a back end's value
 */
public final class AltUpdates<V> {

    /** The least mean square of a form that is scaled, as in the reference. */
    private static final double LEAST_SQUARE = 1e-5;

    private final AltUp spec;
    private final Ops<V> o;
    private final Tap<V> tap;
    private final int dModel;

    private AltUpdates(AltUp spec, Ops<V> ops, Tap<V> tap, int dModel) {
        this.spec = spec;
        this.o = ops;
        this.tap = tap;
        this.dModel = dModel;
    }

    /** Null for a model whose stream has one form. */
    public static <V> AltUpdates<V> of(DecoderSpec spec, Ops<V> ops, Tap<V> tap) {
        return spec.altUp() == null ? null : new AltUpdates<>(spec.altUp(), ops, tap, spec.dModel());
    }

    /** The embedding [1, pos, d_model] and the other forms made of it, as long as it: [1, pos, form, d_model]. */
    V embedded(V x) {
        List<V> forms = new ArrayList<>(List.of(one(x)));
        for (int f = 1; f < spec.forms(); f++) forms.add(one(asLong(o.exact(x, "altup." + f + ".project"), x)));
        return o.concat(2, forms);
    }

    /** The mean of the forms [1, pos, form, d_model], each mapped back and as long as the first: [1, pos, d_model]. */
    V merged(V forms) {
        V first = first(forms);
        V sum = first;
        for (int f = 1; f < spec.forms(); f++)
            sum = o.add(sum, asLong(o.exact(form(forms, f), "altup." + f + ".unproject"), first));
        return o.mul(sum, o.number(1.0 / spec.forms()));
    }

    /** x [1, pos, d_model] scaled to the root mean square of another vector. */
    private V asLong(V x, V other) {
        V mean = o.clip(o.mean(o.apply(Fn.SQUARE, x)), LEAST_SQUARE, Float.MAX_VALUE); // [1, pos, 1]
        V target = o.apply(Fn.SQRT, o.mean(o.apply(Fn.SQUARE, other)));
        return o.mul(x, o.div(target, o.apply(Fn.SQRT, mean)));
    }

    /** Predictions of all forms before a layer, [1, pos, form, d_model], from the forms after the one before. */
    V predictions(int i, V forms) {
        V flat = o.exact(routed(i, first(forms)), module(i) + "predict"); // [1, pos, form * form]
        V mixture = o.reshape(flat, 0, -1, spec.forms(), spec.forms()); // [1, pos, to, from]
        return tap.at(ALTUP_PREDICTIONS, i, o.add(forms, o.matmul(mixture, forms)));
    }

    /** The forms after a layer that made {@code post} [1, pos, d_model] of the first prediction. */
    V corrected(int i, V predictions, V post) {
        V coefs = o.add(o.exact(routed(i, post), module(i) + "correct"), o.number(1)); // [1, pos, form]
        V shares = o.reshape(tap.at(ALTUP_COEFS, i, coefs), 0, -1, spec.forms(), 1);
        V missed = one(o.sub(post, first(predictions))); // [1, pos, 1, d_model]
        return o.add(predictions, o.mul(missed, shares));
    }

    /** The first form as the gate of the layer's input reads it, [1, pos, d_model]. */
    V gated(int i, V forms) {
        V first = first(forms);
        return spec.scaled() ? o.mul(first, o.weight(module(i) + "scale.weight")) : first;
    }

    /** Adds a vector [1, pos, d_model] to every form but the first. */
    V addToOthers(V forms, V added) {
        V others = o.add(o.slice(forms, 2, 1, Ops.END), one(added));
        return o.concat(2, List.of(o.slice(forms, 2, 0, 1), others));
    }

    /** The forms after a layer, seen by the tap. */
    public V leaves(int i, V forms) {
        V first = first(forms);
        V seen = tap.at(RESID_POST, i, first);
        return tap.at(FORMS, i, tap.changes(RESID_POST, i) ? withFirst(forms, seen) : forms);
    }

    V first(V forms) {
        return form(forms, 0);
    }

    /** One of the forms [1, pos, form, d_model], [1, pos, d_model]. */
    private V form(V forms, int f) {
        return o.reshape(o.slice(forms, 2, f, f + 1L), 0, -1, dModel);
    }

    /** The forms with another first one. */
    V withFirst(V forms, V first) {
        return o.concat(2, List.of(one(first), o.slice(forms, 2, 1, Ops.END)));
    }

    /** [1, pos, d_model] as a single form, [1, pos, 1, d_model]. */
    private V one(V x) {
        return o.reshape(x, 0, -1, 1, dModel);
    }

    /** tanh(router(norm(x) / d_model)), [1, pos, form]. */
    private V routed(int i, V x) {
        V normed = o.norm(x, spec.norm(), module(i) + "router_norm", dModel);
        return o.apply(Fn.TANH, o.exact(o.mul(normed, o.number(1.0 / dModel)), module(i) + "router"));
    }

    private static String module(int i) {
        return "blocks." + i + ".altup.";
    }
}
