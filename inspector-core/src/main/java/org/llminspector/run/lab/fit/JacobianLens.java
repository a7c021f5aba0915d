package org.llminspector.run.lab.fit;

import java.util.Map;
import java.util.SortedMap;
import java.util.SortedSet;
import java.util.TreeMap;
import org.llminspector.base.Parallel;
import org.llminspector.base.Tensor;
import org.llminspector.engine.Batch;
import org.llminspector.hook.HookId;
import org.llminspector.hook.StreamHooks;
import org.llminspector.run.lab.side.Side;
import org.llminspector.run.lab.side.Steps;

/**
 * The Jacobian lens: J = the mean over texts and source positions t of the sum over t' >= t of d h_final,t' / d h_t, so that J h says
 * what a layer's stream does to later outputs in the mean. The first positions of a text (attention sinks) and its last one are no sources.
 */
final class JacobianLens {

    /** Tokens of a batch, in which one text is differentiated by as many outputs as it has rows. */
    private static final int BATCH_TOKENS = 1_024;

    private final SortedSet<HookId> hooks;
    private final int skip;
    private final SortedMap<HookId, double[]> sums = new TreeMap<>();
    private final int d;
    private int sources;

    JacobianLens(SortedSet<HookId> hooks, int d, int skip) {
        this.hooks = hooks;
        this.d = d;
        this.skip = skip;
        hooks.forEach(h -> sums.put(h, new double[d * d]));
    }

    /** Batches of one text. */
    int passes(Side text) {
        int rows = rows(text);
        return (d + rows - 1) / rows;
    }

    private int rows(Side text) {
        return Math.min(d, Math.max(1, BATCH_TOKENS / text.length()));
    }

    /** Adds a text's source positions. */
    void add(Side text, Steps steps, int done, int of) {
        int n = text.length();
        int rows = rows(text);
        HookId end = StreamHooks.end(text.spec());
        for (int from = 0; from < d; from += rows) {
            steps.at("passes", done++, of);
            int count = Math.min(rows, d - from);
            int[][] ids = new int[count][];
            float[] cotangent =
                    new float[count * n * d]; // [row, pos, d_model]: each row sums one output over positions
            for (int r = 0; r < count; r++) {
                ids[r] = text.ids();
                for (int p = 0; p < n; p++) cotangent[(r * n + p) * d + from + r] = 1;
            }
            Map<HookId, Tensor> gradients =
                    text.engine().pullback(Batch.of(ids, hooks), end, Tensor.of(cotangent, count, n, d));
            int first = from;
            gradients.forEach((hook, gradient) -> {
                float[] g = gradient.toFloats(); // [row, pos, d_model]
                double[] sum = sums.get(hook);
                Parallel.each(count, r -> {
                    for (int p = skip; p < n - 1; p++)
                        for (int c = 0; c < d; c++) sum[(first + r) * d + c] += g[(r * n + p) * d + c];
                });
            });
        }
        sources += n - 1 - skip;
    }

    /** The sum over sources so far, [d_model, d_model]. */
    double[] sum(HookId hook) {
        return sums.get(hook);
    }

    /** The mean over all sources. */
    AffineLens lens(HookId hook) {
        double[] mean = sums.get(hook).clone();
        for (int i = 0; i < mean.length; i++) mean[i] /= sources;
        return new AffineLens(mean, new double[d]);
    }
}
