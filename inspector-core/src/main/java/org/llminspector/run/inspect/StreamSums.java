package org.llminspector.run.inspect;

import org.llminspector.base.Problem;
import org.llminspector.spec.DecoderSpec;
import org.llminspector.spec.LayerSpec;

/** Checks that a model's residual stream is the sum of its parts' outputs, so that it can be decomposed. */
public final class StreamSums {

    private StreamSums() {}

    /** @throws Problem UNSUPPORTED where norms are applied to the stream itself */
    public static void check(DecoderSpec spec) {
        if (spec.layers().stream().noneMatch(LayerSpec::streamNorms)) return;
        throw Problem.unsupported("this model's stream is no sum of its parts: every block norms the stream itself")
                .where("layers, stream_norms")
                .expected("a model whose norms stand before what reads the stream")
                .found(spec.family())
                .instead("silence a part with an intervention and see what the logits do");
    }
}
