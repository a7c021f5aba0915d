package org.llminspector.run.lab.graph;

import org.llminspector.family.Weights;
import org.llminspector.spec.Attention;
import org.llminspector.spec.DecoderSpec;
import org.llminspector.spec.LayerSpec;

/**
 * What each head of a layer adds to the residual stream, [pos * d_model] each: z through its columns of the output projection, then
 * through a post-norm with this run's own divisor, so that the heads' sum is attention's output but for the biases.
 */
public final class Contributions {

    private final Attention attention;
    private final LayerSpec spec;
    private final int dModel;
    private final float[] columns; // the output projection, [d_model, head * d_value]
    private final float[] weight; // of the post-norm, null for ones

    public Contributions(Weights weights, int layer) {
        DecoderSpec model = weights.spec();
        this.spec = model.layers().get(layer);
        this.attention = spec.attention();
        this.dModel = model.dModel();
        this.columns = weights.get("blocks." + layer + ".attn.o.weight").toFloats();
        String post = "blocks." + layer + ".ln1_post.weight";
        this.weight = weights.has(post) ? weights.get(post).toFloats() : null;
    }

    /** @param z [pos, head, d_value] */
    public float[][] of(float[] z) {
        int heads = attention.nHeads();
        int d = attention.dValue();
        int n = z.length / (heads * d);
        float[][] out = new float[heads][n * dModel];
        for (int h = 0; h < heads; h++) {
            for (int p = 0; p < n; p++) {
                for (int m = 0; m < dModel; m++) {
                    int row = m * heads * d + h * d;
                    float sum = 0;
                    for (int c = 0; c < d; c++) sum += columns[row + c] * z[(p * heads + h) * d + c];
                    out[h][p * dModel + m] = sum;
                }
            }
        }
        if (spec.ln1Post() != null) for (int p = 0; p < n; p++) postNorm(out, p);
        if (spec.residualScale() != null)
            for (float[] head : out) for (int i = 0; i < head.length; i++) head[i] *= spec.residualScale();
        return out;
    }

    private void postNorm(float[][] heads, int p) {
        float[] sum = new float[dModel];
        for (float[] head : heads) for (int m = 0; m < dModel; m++) sum[m] += head[p * dModel + m];
        double scale = new VectorNorm(spec.ln1Post(), null, null).apply(sum, 0, dModel, 0, new float[dModel], 0);
        boolean centred = spec.ln1Post().kind() == org.llminspector.spec.Norm.Kind.LAYER;
        for (float[] head : heads) {
            double mean = 0;
            for (int m = 0; centred && m < dModel; m++) mean += head[p * dModel + m] / dModel;
            for (int m = 0; m < dModel; m++) {
                double v = (head[p * dModel + m] - mean) / scale;
                head[p * dModel + m] = (float) (weight == null ? v : v * weight[m]);
            }
        }
    }
}
