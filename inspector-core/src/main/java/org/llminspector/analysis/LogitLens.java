package org.llminspector.analysis;

import java.util.ArrayList;
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

    private final List<double[]> finalLogProbs = new ArrayList<>();
    private final List<Integer> finalTokens = new ArrayList<>();
    private final InspectorEngine engine;
    private final int top;

    /**
     * @param finalResid the last block's output, [1, pos, d_model]: what every layer is compared with
     * @param top how many tokens a cell lists
     */
    public LogitLens(InspectorEngine engine, Tensor finalResid, int top) {
        this.engine = engine;
        this.top = top;
        int positions = Math.toIntExact(finalResid.shape()[1]);
        for (int p = 0; p < positions; p++) {
            double[] logProbs = logProbs(engine, finalResid, p);
            finalLogProbs.add(logProbs);
            finalTokens.add(argmax(logProbs));
        }
    }

    /** One row: every position of a residual stream [1, pos, d_model]. One position's logits are held at a time. */
    public List<Cell> row(Tensor resid) {
        List<Cell> cells = new ArrayList<>();
        for (int p = 0; p < finalTokens.size(); p++) cells.add(cell(p, logProbs(engine, resid, p)));
        return cells;
    }

    private Cell cell(int pos, double[] logProbs) {
        double[] reference = finalLogProbs.get(pos);
        int finalToken = finalTokens.get(pos);
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

    private static double[] logProbs(InspectorEngine engine, Tensor resid, int pos) {
        int dModel = Math.toIntExact(resid.shape()[2]);
        Tensor one = resid.slice(new int[] {0, 1}, new int[] {pos, pos + 1}, new int[] {0, dModel});
        return logSoftmax(engine.unembed(one).toFloats());
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

    private static List<Integer> top(double[] x, int k) {
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
