package org.llminspector.run.lab.graph;

import java.util.Set;
import java.util.SortedMap;
import org.llminspector.analysis.Rotation;
import org.llminspector.base.Tensor;
import org.llminspector.family.Weights;
import org.llminspector.hook.HookId;
import org.llminspector.hook.HookPoint;
import org.llminspector.run.lab.graph.ModelGraph.Part;
import org.llminspector.run.lab.graph.ModelGraph.Reader;
import org.llminspector.spec.Attention;
import org.llminspector.spec.LayerSpec;

/**
 * What a layer reads of the residual stream, reader by reader: autograd's gradient at a hook carried back to the reader's own
 * input, before its norm. A key or value that several query heads share has a gradient by each of them, through its scores and its pattern.
 */
public final class LayerReads {

    private final int layer;
    private final LayerSpec spec;
    private final Attention attention; // null without
    private final int dModel;
    private final VectorNorm ln1;
    private final VectorNorm ln1Plain; // without weight and bias
    private final VectorNorm ln2Plain;
    private final Projection q;
    private final Projection k;
    private final Projection v;
    private final float[] gate; // of an MLP without a norm before it, [d_mlp, d_model]
    private final float[] linear;

    public LayerReads(Weights weights, int layer) {
        this.layer = layer;
        this.spec = weights.spec().layers().get(layer);
        this.attention = spec.attends() ? spec.attention() : null;
        this.dModel = weights.spec().dModel();
        String b = "blocks." + layer + ".";
        this.ln1 = new VectorNorm(spec.ln1(), get(weights, b + "ln1.weight"), get(weights, b + "ln1.bias"));
        this.ln1Plain = new VectorNorm(spec.ln1(), null, null);
        this.ln2Plain = new VectorNorm(spec.ln2(), null, null);
        this.q = attention == null ? null : Projection.query(weights, layer, attention);
        this.k = attention == null ? null : Projection.key(weights, layer, attention);
        this.v = attention == null ? null : Projection.value(weights, layer, attention);
        boolean bare = spec.feedsForward() && spec.ln2() == null;
        this.gate = bare ? get(weights, b + (spec.mlp().gated() ? "mlp.gate.weight" : "mlp.in.weight")) : null;
        this.linear = bare && spec.mlp().gated() ? get(weights, b + "mlp.in.weight") : null;
    }

    private static float[] get(Weights weights, String name) {
        return weights.has(name) ? weights.get(name).toFloats() : null;
    }

    private boolean grouped() {
        return attention.nKvHeads() < attention.nHeads();
    }

    /** Query heads that share a key and value head. */
    public int group() {
        return attention == null ? 1 : attention.nHeads() / attention.nKvHeads();
    }

    /** Hooks at which autograd's gradient is needed. */
    public void gradients(Set<HookId> hooks) {
        if (attention != null) {
            hooks.add(at(HookPoint.Q));
            hooks.add(at(grouped() ? HookPoint.ATTN_SCORES : HookPoint.K));
            hooks.add(at(grouped() ? HookPoint.Z : HookPoint.V));
        } else if (spec.mixer() != null) {
            hooks.add(at(HookPoint.LN1_NORMALIZED));
        }
        if (!spec.feedsForward()) return;
        if (spec.ln2() != null) hooks.add(at(HookPoint.LN2_NORMALIZED));
        else hooks.add(at(HookPoint.MLP_PRE));
        if (linear != null) hooks.add(at(HookPoint.MLP_PRE_LINEAR));
    }

    /** Hooks whose values are needed at the same run. */
    public void values(Set<HookId> hooks) {
        hooks.add(at(HookPoint.RESID_PRE));
        if (spec.feedsForward() && !spec.parallel() && spec.mixer() != null) hooks.add(at(HookPoint.RESID_MID));
        if (attention == null || !grouped()) return;
        hooks.add(at(attention.rope() == null ? HookPoint.Q : HookPoint.ROT_Q));
        hooks.add(at(HookPoint.PATTERN));
        if (attention.scoreSoftcap() != null) hooks.add(at(HookPoint.ATTN_SCORES));
    }

    private HookId at(HookPoint point) {
        return HookId.of(point, layer);
    }

    /** The metric's gradient by a reader's input before its norm, [pos * d_model]. */
    public float[] gradient(Reader r, SortedMap<HookId, Tensor> gradients, SortedMap<HookId, Tensor> values) {
        if (r.part() == Part.MLP) return mlp(gradients, values);
        float[] x = values.get(at(HookPoint.RESID_PRE)).toFloats(); // [pos, d_model]
        float[] out = new float[x.length];
        int n = x.length / dModel;
        if (r.part() == Part.MIXER) {
            float[] g = gradients.get(at(HookPoint.LN1_NORMALIZED)).toFloats();
            for (int p = 0; p < n; p++) ln1Plain.back(x, p * dModel, dModel, 0, g, p * dModel, out, p * dModel);
            return out;
        }
        Projection projection = r.part() == Part.Q ? q : r.part() == Part.K ? k : v;
        int width = r.part() == Part.V ? attention.dValue() : attention.dHead();
        int head = r.part() == Part.Q ? r.head() : r.head() / group();
        float[] g = byHead(r, gradients, values, n); // [pos, d_head]
        float[] normed = new float[dModel];
        float[] back = new float[dModel];
        for (int p = 0; p < n; p++) {
            ln1.apply(x, p * dModel, dModel, 0, normed, 0);
            java.util.Arrays.fill(back, 0);
            projection.back(normed, 0, head, g, p * width, back, 0);
            ln1.back(x, p * dModel, dModel, 0, back, 0, out, p * dModel);
        }
        return out;
    }

    private float[] mlp(SortedMap<HookId, Tensor> gradients, SortedMap<HookId, Tensor> values) {
        boolean mid = !spec.parallel() && spec.mixer() != null;
        float[] x =
                values.get(at(mid ? HookPoint.RESID_MID : HookPoint.RESID_PRE)).toFloats();
        float[] out = new float[x.length];
        int n = x.length / dModel;
        if (spec.ln2() != null) {
            float[] g = gradients.get(at(HookPoint.LN2_NORMALIZED)).toFloats();
            for (int p = 0; p < n; p++) ln2Plain.back(x, p * dModel, dModel, 0, g, p * dModel, out, p * dModel);
            return out;
        }
        transposed(gate, gradients.get(at(HookPoint.MLP_PRE)).toFloats(), n, out);
        if (linear != null)
            transposed(linear, gradients.get(at(HookPoint.MLP_PRE_LINEAR)).toFloats(), n, out);
        return out;
    }

    /** Adds g [pos, out] times the matrix [out, d_model]. */
    private void transposed(float[] matrix, float[] g, int n, float[] out) {
        int rows = matrix.length / dModel;
        for (int p = 0; p < n; p++) {
            for (int r = 0; r < rows; r++) {
                float by = g[p * rows + r];
                if (by == 0) continue;
                for (int c = 0; c < dModel; c++) out[p * dModel + c] += by * matrix[r * dModel + c];
            }
        }
    }

    /** The gradient by the hooked query, key or value that a query head uses, [pos, d_head]. */
    private float[] byHead(Reader r, SortedMap<HookId, Tensor> gradients, SortedMap<HookId, Tensor> values, int n) {
        if (r.part() == Part.Q) return head(gradients.get(at(HookPoint.Q)), r.head());
        if (!grouped()) return head(gradients.get(at(r.part() == Part.K ? HookPoint.K : HookPoint.V)), r.head());
        return r.part() == Part.K
                ? sharedKey(r.head(), gradients, values, n)
                : sharedValue(r.head(), gradients, values, n);
    }

    /** [1, pos, head, d_head] to one head's [pos, d_head]. */
    private static float[] head(Tensor value, int head) {
        long[] shape = value.shape();
        int n = (int) shape[1];
        int heads = (int) shape[2];
        int width = (int) shape[3];
        float[] all = value.toFloats();
        float[] out = new float[n * width];
        for (int p = 0; p < n; p++) System.arraycopy(all, (p * heads + head) * width, out, p * width, width);
        return out;
    }

    /** Through this head's scores: sum over queries of dM/dscore times the rotated query, rotated back. */
    private float[] sharedKey(int head, SortedMap<HookId, Tensor> gradients, SortedMap<HookId, Tensor> values, int n) {
        int d = attention.dHead();
        float[] scores = gradients.get(at(HookPoint.ATTN_SCORES)).toFloats(); // [head, query, key]
        Float cap = attention.scoreSoftcap();
        float[] value =
                cap == null ? null : values.get(at(HookPoint.ATTN_SCORES)).toFloats();
        float[] query = head(values.get(at(attention.rope() == null ? HookPoint.Q : HookPoint.ROT_Q)), head);
        Rotation rotation = attention.rope() == null ? null : new Rotation(attention.rope(), n);
        float[] out = new float[n * d];
        for (int key = 0; key < n; key++) {
            for (int p = key; p < n; p++) {
                int i = (head * n + p) * n + key;
                double by = scores[i] * attention.scale();
                if (cap != null) by *= Float.isFinite(value[i]) ? 1 - (value[i] / cap) * (value[i] / cap) : 0;
                for (int c = 0; c < d; c++) out[key * d + c] += (float) (by * query[p * d + c]);
            }
            if (rotation != null) rotation.rotate(-key, out, key * d);
        }
        return out;
    }

    /** Through this head's pattern: sum over queries of the pattern times dM/dz. */
    private float[] sharedValue(
            int head, SortedMap<HookId, Tensor> gradients, SortedMap<HookId, Tensor> values, int n) {
        int d = attention.dValue();
        float[] pattern = values.get(at(HookPoint.PATTERN)).toFloats(); // [head, query, key]
        float[] z = head(gradients.get(at(HookPoint.Z)), head);
        float[] out = new float[n * d];
        for (int key = 0; key < n; key++) {
            for (int p = key; p < n; p++) {
                float by = pattern[(head * n + p) * n + key];
                for (int c = 0; c < d; c++) out[key * d + c] += by * z[p * d + c];
            }
        }
        return out;
    }

    /** A head's query, key or value, as hooked, of an input [pos * d_model] of its own, written to its place in [pos, head, d_head]. */
    public void read(Part part, int queryHead, float[] x, float[] to) {
        Projection projection = part == Part.Q ? q : part == Part.K ? k : v;
        int heads = part == Part.Q ? attention.nHeads() : attention.nKvHeads();
        int head = part == Part.Q ? queryHead : queryHead / group();
        float[] normed = new float[dModel];
        for (int p = 0; p < x.length / dModel; p++) {
            ln1.apply(x, p * dModel, dModel, 0, normed, 0);
            float[] y = projection.apply(normed, 0, head);
            System.arraycopy(y, 0, to, (p * heads + head) * y.length, y.length);
        }
    }

    public Attention attention() {
        return attention;
    }

    public LayerSpec spec() {
        return spec;
    }
}
