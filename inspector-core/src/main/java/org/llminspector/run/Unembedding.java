package org.llminspector.run;

import org.llminspector.family.Weights;
import org.llminspector.spec.DecoderSpec;

/** Unembedding is how logits are made of the final norm's output: a row a token, a bias and a factor where the model has them. */
final class Unembedding {

    private Unembedding() {}

    /** The canonical name of its rows, [vocab, d_model]. */
    static String table(DecoderSpec spec) {
        return spec.tied() ? "embed.weight" : "unembed.weight";
    }

    static float scale(DecoderSpec spec) {
        return spec.logitScale() == null ? 1 : spec.logitScale();
    }

    /** A token's row times the factor, [d_model]: its product with what the final norm puts out, and the bias, is the logit. */
    static float[] row(Weights weights, int token) {
        float[] row = weights.row(table(weights.spec()), token);
        float scale = scale(weights.spec());
        for (int i = 0; i < row.length; i++) row[i] *= scale;
        return row;
    }

    /** What a token's logit has without any stream; 0 where the unembedding has no bias. */
    static double bias(Weights weights, int token) {
        if (!weights.spec().unembedBias()) return 0;
        return weights.get("unembed.bias").get(token) * scale(weights.spec());
    }
}
