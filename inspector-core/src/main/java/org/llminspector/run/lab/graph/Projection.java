package org.llminspector.run.lab.graph;

import java.util.Arrays;
import org.llminspector.family.Weights;
import org.llminspector.spec.Attention;
import org.llminspector.spec.Norm;

/**
 * One of a layer's projections to queries, keys or values, with what follows up to the hook: clip, a norm before RoPE, a factor.
 * Forward and backward, of one head's rows.
 */
public final class Projection {

    private final int dHead;
    private final int in;
    private final int out;
    private final float[] weight; // [out, in]
    private final float[] bias; // [out], or null
    private final Float clip;
    private final Norm norm; // null for none, or one after RoPE
    private final float[] normWeight;
    private final float[] normBias;
    private final boolean wide;
    private final boolean byHead;
    private final float factor;

    private Projection(
            Weights weights, String module, String normName, Attention a, int heads, int dHead, Norm norm, float by) {
        this.dHead = dHead;
        this.in = weights.spec().dModel();
        this.out = heads * dHead;
        this.weight = weights.get(module + ".weight").toFloats();
        this.bias =
                weights.has(module + ".bias") ? weights.get(module + ".bias").toFloats() : null;
        this.clip = a.clip();
        this.norm = norm;
        this.normWeight = weights.has(normName + ".weight")
                ? weights.get(normName + ".weight").toFloats()
                : null;
        this.normBias = weights.has(normName + ".bias")
                ? weights.get(normName + ".bias").toFloats()
                : null;
        this.wide = norm != null && a.qkNormWide() && normWeight != null && normWeight.length == out && out > dHead;
        this.byHead = norm != null && a.qkNormByHead();
        this.factor = by;
    }

    public static Projection query(Weights w, int layer, Attention a) {
        String attn = "blocks." + layer + ".attn.";
        Norm norm = a.qkNormRotated() ? null : a.qNorm();
        return new Projection(w, attn + "q", attn + "q_norm", a, a.nHeads(), a.dHead(), norm, 1);
    }

    public static Projection key(Weights w, int layer, Attention a) {
        String attn = "blocks." + layer + ".attn.";
        Norm norm = a.qkNormRotated() ? null : a.kNorm();
        return new Projection(w, attn + "k", attn + "k_norm", a, a.nKvHeads(), a.dHead(), norm, 1);
    }

    public static Projection value(Weights w, int layer, Attention a) {
        String attn = "blocks." + layer + ".attn.";
        float factor = a.valueScale() == null ? 1 : a.valueScale();
        return new Projection(w, attn + "v", attn + "v_norm", a, a.nKvHeads(), a.dValue(), a.vNorm(), factor);
    }

    /** A head's hooked value of one normed input [d_model]: [d_head]. */
    public float[] apply(float[] x, int from, int head) {
        return frozen(x, from, head, divisor(x, from, head));
    }

    /** What the head's own norm divides by, of one normed input [d_model]; 1 without a norm. */
    public double divisor(float[] x, int from, int head) {
        VectorNorm own = new VectorNorm(norm, null, null);
        return wide ? own.scale(all(x, from), 0, out) : own.scale(projected(x, from, head), 0, dHead);
    }

    /** The head's hooked value with a given divisor of its norm: without a clip an affine function of x. */
    public float[] frozen(float[] x, int from, int head, double divisor) {
        float[] y = new float[dHead];
        VectorNorm own = new VectorNorm(norm, normWeight, normBias);
        if (!wide) {
            own.frozen(projected(x, from, head), 0, dHead, byHead ? head * dHead : 0, y, 0, divisor);
        } else {
            float[] whole = new float[out];
            own.frozen(all(x, from), 0, out, 0, whole, 0, divisor);
            System.arraycopy(whole, head * dHead, y, 0, dHead);
        }
        for (int i = 0; i < dHead; i++) y[i] *= factor;
        return y;
    }

    /** The gradient by the normed input [d_model] of a number whose gradient by the head's hooked value is g [d_head]. */
    public void back(float[] x, int from, int head, float[] g, int gFrom, float[] to, int at) {
        float[] scaled = Arrays.copyOfRange(g, gFrom, gFrom + dHead);
        for (int i = 0; i < dHead; i++) scaled[i] *= factor;
        if (wide) {
            float[] all = all(x, from);
            float[] whole = new float[out];
            System.arraycopy(scaled, 0, whole, head * dHead, dHead);
            float[] pre = new float[out];
            new VectorNorm(norm, normWeight, null).back(all, 0, out, 0, whole, 0, pre, 0);
            clipped(all, pre);
            rows(pre, 0, out, to, at);
            return;
        }
        float[] pre = scaled;
        if (norm != null || clip != null) {
            float[] own = projected(x, from, head);
            pre = new float[dHead];
            new VectorNorm(norm, normWeight, null).back(own, 0, dHead, byHead ? head * dHead : 0, scaled, 0, pre, 0);
            clipped(own, pre);
        }
        rows(pre, head * dHead, dHead, to, at);
    }

    /** No gradient passes where the projection is clipped. */
    private void clipped(float[] value, float[] gradient) {
        if (clip == null) return;
        for (int i = 0; i < value.length; i++) if (Math.abs(value[i]) >= clip) gradient[i] = 0;
    }

    private float[] all(float[] x, int from) {
        float[] y = new float[out];
        for (int h = 0; h < out / dHead; h++) System.arraycopy(projected(x, from, h), 0, y, h * dHead, dHead);
        return y;
    }

    private float[] projected(float[] x, int from, int head) {
        float[] y = new float[dHead];
        for (int r = 0; r < dHead; r++) {
            int row = (head * dHead + r) * in;
            float sum = 0;
            for (int c = 0; c < in; c++) sum += weight[row + c] * x[from + c];
            if (bias != null) sum += bias[head * dHead + r];
            y[r] = clip == null ? sum : Math.max(-clip, Math.min(clip, sum));
        }
        return y;
    }

    /** Adds g times the rows of the matrix from one on. */
    private void rows(float[] g, int first, int n, float[] to, int at) {
        for (int r = 0; r < n; r++) {
            float by = g[r];
            if (by == 0) continue;
            int row = (first + r) * in;
            for (int c = 0; c < in; c++) to[at + c] += by * weight[row + c];
        }
    }
}
