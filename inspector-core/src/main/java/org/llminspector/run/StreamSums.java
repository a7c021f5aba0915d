package org.llminspector.run;

import org.llminspector.base.Problem;
import org.llminspector.spec.DecoderSpec;
import org.llminspector.spec.LayerSpec;

/** StreamSums asks whether a model's residual stream is the sum of what its parts add, so that it can be taken apart. */
final class StreamSums {

    private StreamSums() {}

    /** @throws Problem UNSUPPORTED where norms stand in the stream itself */
    static void check(DecoderSpec spec) {
        if (spec.layers().stream().noneMatch(LayerSpec::streamNorms)) return;
        throw Problem.unsupported("this model's stream is no sum of its parts: every block norms the stream itself")
                .where("layers, stream_norms")
                .expected("a model whose norms stand before what reads the stream")
                .found(spec.family())
                .instead("silence a part with an intervention and see what the logits do");
    }
}
