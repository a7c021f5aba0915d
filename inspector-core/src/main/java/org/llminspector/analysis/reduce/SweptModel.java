package org.llminspector.analysis.reduce;

import java.util.function.UnaryOperator;
import org.llminspector.base.Tensor;
import org.llminspector.family.Weights;
import org.llminspector.spec.DecoderSpec;

/**
 * What reducers need of the model that runs over a corpus.
 *
 * @param weights whose norms {@code imatrix} applies; null where states are only merged
 * @param unembed final norm and unembedding of a residual stream, [batch, pos, d_model] to [batch, pos, vocab], for {@code
 *     lens}; null where states are only merged
 */
public record SweptModel(DecoderSpec spec, Weights weights, UnaryOperator<Tensor> unembed) {

    /** To merge states. */
    public static SweptModel of(DecoderSpec spec) {
        return new SweptModel(spec, null, null);
    }
}
