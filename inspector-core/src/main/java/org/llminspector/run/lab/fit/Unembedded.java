package org.llminspector.run.lab.fit;

import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.TreeSet;
import org.llminspector.base.Parallel;
import org.llminspector.base.Problem;
import org.llminspector.base.Tensor;
import org.llminspector.engine.Batch;
import org.llminspector.engine.InspectorEngine;
import org.llminspector.engine.SessionRequest;
import org.llminspector.hook.HookId;
import org.llminspector.hook.HookPoint;
import org.llminspector.run.lab.side.Answers;
import org.llminspector.run.lab.side.Patch;
import org.llminspector.spec.DecoderSpec;

/** A model's final norm and unembedding, forward and backward, of single residual streams. */
final class Unembedded {

    private final InspectorEngine engine;
    private final DecoderSpec spec;

    Unembedded(InspectorEngine engine) {
        this.engine = engine;
        this.spec = engine.spec();
        if (spec.altUp() == null) return;
        throw Problem.unsupported("the unembedding of this model reads all forms of the residual stream")
                .where("alt_up")
                .expected("a stream of one form")
                .found(spec.family());
    }

    /** Next-token log-probabilities of each stream, [row][vocab]. */
    double[][] logProbabilities(float[][] streams) {
        float[] logits = engine.unembed(tensor(streams, 1, streams.length)).toFloats();
        int vocab = logits.length / streams.length;
        double[][] out = new double[streams.length][];
        Parallel.each(
                out.length,
                r -> out[r] = Answers.logProbabilities(Arrays.copyOfRange(logits, r * vocab, (r + 1) * vocab)));
        return out;
    }

    /**
     * The gradient by each stream of a number whose gradient by the logits is given: the last layer's output is replaced by the
     * streams, so that nothing but norm and unembedding is differentiated.
     *
     * @param cotangent [row][vocab]
     */
    float[][] back(float[][] streams, float[][] cotangent) {
        int last = spec.nLayers() - 1;
        HookId before = HookId.of(HookPoint.RESID_PRE, last);
        HookId after = HookId.of(HookPoint.RESID_POST, last);
        Tensor given = tensor(streams, streams.length, 1);
        Batch batch = new Batch(
                new int[streams.length][1],
                new SessionRequest(
                        1,
                        new TreeSet<>(List.of(after)),
                        List.of(
                                Patch.whole(before, given).intervention(),
                                Patch.whole(after, given).intervention()),
                        List.of(Map.of(before, given), Map.of(after, given)),
                        true),
                null);
        Tensor gradient = engine.pullback(batch, HookId.of(HookPoint.LOGITS), tensor(cotangent, streams.length, 1))
                .get(after);
        float[][] out = new float[streams.length][];
        for (int r = 0; r < out.length; r++) out[r] = Examples.vector(gradient, r, 0);
        return out;
    }

    /** Rows as [batch, pos, width]. */
    static Tensor tensor(float[][] rows, int batch, int pos) {
        int width = rows[0].length;
        float[] all = new float[rows.length * width];
        for (int r = 0; r < rows.length; r++) System.arraycopy(rows[r], 0, all, r * width, width);
        return Tensor.of(all, batch, pos, width);
    }
}
