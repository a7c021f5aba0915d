package org.llminspector.run.inspect;

import java.util.List;
import java.util.stream.IntStream;
import org.llminspector.base.Problem;
import org.llminspector.family.Weights;
import org.llminspector.spec.DecoderSpec;
import org.llminspector.spec.LayerSpec;

/** A model's residual stream as the sum of its parts' outputs, each times a factor, so that it can be decomposed. */
public final class StreamSums {

    private StreamSums() {}

    /** @throws Problem UNSUPPORTED where norms or forms of the stream itself stand between the parts */
    public static void check(DecoderSpec spec) {
        if (spec.altUp() != null)
            throw unsupported("has several forms, which every block mixes", "alt_up", "a stream of one form", spec);
        if (spec.layers().stream().anyMatch(LayerSpec::streamNorms))
            throw unsupported(
                    "is no sum of its parts: every block norms the stream itself",
                    "layers, stream_norms",
                    "a model whose norms stand before what reads the stream",
                    spec);
    }

    /** What the stream after each layer is multiplied by (Gemma 4), one number per layer; 1 in other families. */
    public static double[] factors(Weights weights) {
        List<LayerSpec> layers = weights.spec().layers();
        return IntStream.range(0, layers.size())
                .mapToDouble(i -> layers.get(i).scaled()
                        ? weights.get("blocks." + i + ".out_scale.weight").get(0)
                        : 1)
                .toArray();
    }

    /** What of a value that was added in layer {@code from}, or -1 for the embedding, is left where layer {@code to} begins. */
    public static double left(double[] factors, int from, int to) {
        double left = 1;
        for (int i = Math.max(0, from); i < to; i++) left *= factors[i];
        return left;
    }

    private static Problem unsupported(String why, String where, String expected, DecoderSpec spec) {
        return Problem.unsupported("this model's stream " + why)
                .where(where)
                .expected(expected)
                .found(spec.family())
                .instead("silence a part with an intervention and see what the logits do");
    }
}
