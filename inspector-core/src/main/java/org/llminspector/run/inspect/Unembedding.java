package org.llminspector.run.inspect;

import org.llminspector.family.Weights;
import org.llminspector.spec.DecoderSpec;

/** Unembedding of a model: one row per token, with bias and logit scale where the model has them. */
public final class Unembedding {

    private Unembedding() {}

    /** The canonical name of its rows, [vocab, d_model]. */
    public static String table(DecoderSpec spec) {
        return spec.tied() ? "embed.weight" : "unembed.weight";
    }

    public static float scale(DecoderSpec spec) {
        return spec.logitScale() == null ? 1 : spec.logitScale();
    }

    /**
     * A token's row times the factor, [d_model]: its dot product with the final norm's output, plus the bias, is the
     * logit.
     */
    public static float[] row(Weights weights, int token) {
        float[] row = weights.row(table(weights.spec()), token);
        float scale = scale(weights.spec());
        for (int i = 0; i < row.length; i++) row[i] *= scale;
        return row;
    }

    /** A token's bias; 0 where the unembedding has none. */
    public static double bias(Weights weights, int token) {
        if (!weights.spec().unembedBias()) return 0;
        return weights.get("unembed.bias").get(token) * scale(weights.spec());
    }
}
