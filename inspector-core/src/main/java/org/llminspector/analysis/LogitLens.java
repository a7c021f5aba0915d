package org.llminspector.analysis;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.llminspector.base.Tensor;
import org.llminspector.engine.InspectorEngine;

/**
 * LogitLens reads a residual stream as if it were the last (nostalgebraist 2020): what would the model say if it
 * stopped here?
 */
public final class LogitLens {

    /**
     * Cell is one position of one layer.
     *
     * @param top the most probable tokens' ids, most probable first
     * @param probs their probabilities
     * @param entropy of the distribution, nats
     * @param klToFinal KL(final || this), nats
     * @param finalTokenRank rank here (0 is first) of the token that the model's own output finds most probable
     */
    public record Cell(
            int pos, List<Integer> top, List<Double> probs, double entropy, double klToFinal, int finalTokenRank) {}

    /** Positions whose logits are made by one product: many enough to be fast, few enough to be held. */
    private static final int CHUNK = 16;

    private final InspectorEngine engine;
    private final int top;

    /** @param top how many tokens a cell lists */
    public LogitLens(InspectorEngine engine, int top) {
        this.engine = engine;
        this.top = top;
    }

    /**
     * Reads residual streams, a few positions at a time.
     *
     * @param residuals each [1, pos, d_model]
     * @param last the last block's output, [1, pos, d_model]: what the others are compared with
     * @return a row a stream, a cell a position
     */
    public List<List<Cell>> rows(List<Tensor> residuals, Tensor last) {
        List<List<Cell>> rows = new ArrayList<>();
        residuals.forEach(r -> rows.add(new ArrayList<>()));
        int positions = Math.toIntExact(last.shape()[1]);
        for (int from = 0; from < positions; from += CHUNK) {
            int to = Math.min(positions, from + CHUNK);
            List<double[]> reference = logProbs(last, from, to);
            for (int r = 0; r < rows.size(); r++) {
                List<double[]> here = logProbs(residuals.get(r), from, to);
                for (int p = from; p < to; p++) {
                    rows.get(r).add(cell(p, here.get(p - from), reference.get(p - from)));
                }
            }
        }
        return rows;
    }

    private Cell cell(int pos, double[] logProbs, double[] reference) {
        int finalToken = argmax(reference);
        double entropy = 0;
        double kl = 0;
        int rank = 0;
        for (int v = 0; v < logProbs.length; v++) {
            entropy -= Math.exp(logProbs[v]) * logProbs[v];
            kl += Math.exp(reference[v]) * (reference[v] - logProbs[v]);
            if (logProbs[v] > logProbs[finalToken]) rank++;
        }
        List<Integer> ids = top(logProbs, top);
        List<Double> probs = ids.stream().map(v -> Math.exp(logProbs[v])).toList();
        return new Cell(pos, ids, probs, entropy, Math.max(0, kl), rank);
    }

    private List<double[]> logProbs(Tensor resid, int from, int to) {
        int dModel = Math.toIntExact(resid.shape()[2]);
        Tensor part = resid.slice(new int[] {0, 1}, new int[] {from, to}, new int[] {0, dModel});
        float[] logits = engine.unembed(part).toFloats(); // [1, pos, vocab]
        int vocab = logits.length / (to - from);
        List<double[]> rows = new ArrayList<>();
        for (int p = 0; p < to - from; p++)
            rows.add(logSoftmax(Arrays.copyOfRange(logits, p * vocab, (p + 1) * vocab)));
        return rows;
    }

    static double[] logSoftmax(float[] logits) {
        double max = Double.NEGATIVE_INFINITY;
        for (float l : logits) max = Math.max(max, l);
        double sum = 0;
        for (float l : logits) sum += Math.exp(l - max);
        double log = max + Math.log(sum);
        double[] out = new double[logits.length];
        for (int i = 0; i < out.length; i++) out[i] = logits[i] - log;
        return out;
    }

    static List<Integer> top(double[] x, int k) {
        List<Integer> best = new ArrayList<>();
        for (int i = 0; i < x.length; i++) {
            if (best.size() == k && x[i] <= x[best.get(k - 1)]) continue;
            int at = best.size();
            while (at > 0 && x[best.get(at - 1)] < x[i]) at--;
            best.add(at, i);
            if (best.size() > k) best.remove(k);
        }
        return best;
    }

    private static int argmax(double[] x) {
        return top(x, 1).get(0);
    }
}
