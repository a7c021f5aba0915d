package org.llminspector.run.inspect;

import org.llminspector.base.Problem;
import org.llminspector.spec.DecoderSpec;
import org.llminspector.spec.LayerSpec;

/** Checks that a model's residual stream is the sum of its parts' outputs, so that it can be decomposed. */
public final class StreamSums {

    private StreamSums() {}

    /** @throws Problem UNSUPPORTED where norms, factors or forms of the stream itself stand between the parts */
    public static void check(DecoderSpec spec) {
        if (spec.altUp() != null)
            throw unsupported("has several forms, which every block mixes", "alt_up", "a stream of one form", spec);
        if (spec.layers().stream().anyMatch(LayerSpec::streamNorms))
            throw unsupported(
                    "is no sum of its parts: every block norms the stream itself",
                    "layers, stream_norms",
                    "a model whose norms stand before what reads the stream",
                    spec);
        if (spec.layers().stream().anyMatch(LayerSpec::scaled))
            throw unsupported(
                    "is no sum of its parts: every block multiplies it by a number",
                    "layers, scaled",
                    "a model whose blocks only add to the stream",
                    spec);
    }

    private static Problem unsupported(String why, String where, String expected, DecoderSpec spec) {
        return Problem.unsupported("this model's stream " + why)
                .where(where)
                .expected(expected)
                .found(spec.family())
                .instead("silence a part with an intervention and see what the logits do");
    }
}
