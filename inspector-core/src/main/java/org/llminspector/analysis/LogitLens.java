package org.llminspector.analysis;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.llminspector.base.Parallel;
import org.llminspector.base.Tensor;
import org.llminspector.engine.InspectorEngine;

/** The logit lens (nostalgebraist 2020): applies final norm and unembedding to an intermediate residual stream. */
public final class LogitLens {

    /**
     * One position of one layer.
     *
     * @param top the most probable tokens' ids, most probable first
     * @param probs their probabilities
     * @param entropy of the distribution, nats
     * @param klToFinal KL(final || this), nats
     * @param finalTokenRank rank here (0 is first) of the most probable token of the model's own output
     */
    public record Cell(
            int pos, List<Integer> top, List<Double> probs, double entropy, double klToFinal, int finalTokenRank) {}

    /** Positions unembedded in one product: enough to be fast, few enough to fit memory. */
    private static final int CHUNK = 16;

    private final InspectorEngine engine;
    private final int top;

    /** @param top number of tokens per cell */
    public LogitLens(InspectorEngine engine, int top) {
        this.engine = engine;
        this.top = top;
    }

    /**
     * Reads residual streams, a few positions at a time.
     *
     * @param residuals each [1, pos, d_model], or all forms of it, [1, pos, form, d_model]
     * @param last the last block's output in the same shape, the reference of the others
     * @param start the first position
     * @param stop the position after the last one
     * @return one row per stream, one cell per position
     */
    public List<List<Cell>> rows(List<Tensor> residuals, Tensor last, int start, int stop) {
        List<List<Cell>> rows = new ArrayList<>();
        residuals.forEach(r -> rows.add(new ArrayList<>()));
        for (int from = start; from < stop; from += CHUNK) {
            int to = Math.min(stop, from + CHUNK);
            Distribution[] reference = distributions(last, from, to);
            for (int r = 0; r < rows.size(); r++) {
                Distribution[] here = distributions(residuals.get(r), from, to);
                int first = from;
                Cell[] cells = new Cell[here.length];
                Parallel.each(here.length, i -> cells[i] = cell(first + i, here[i], reference[i]));
                rows.get(r).addAll(List.of(cells));
            }
        }
        return rows;
    }

    private Cell cell(int pos, Distribution here, Distribution reference) {
        int finalToken = Vectors.argmax(reference.logits);
        double entropy = 0;
        double kl = 0;
        int rank = 0;
        for (int v = 0; v < here.probs.length; v++) {
            entropy -= here.probs[v] * here.logProb(v);
            kl += reference.probs[v] * (reference.logProb(v) - here.logProb(v));
            if (here.logits[v] > here.logits[finalToken]) rank++;
        }
        List<Integer> ids = top(here.logits, top);
        List<Double> probs = ids.stream().map(v -> here.probs[v]).toList();
        return new Cell(pos, ids, probs, entropy, Math.max(0, kl), rank);
    }

    private Distribution[] distributions(Tensor resid, int from, int to) {
        int[][] ranges = new int[resid.shape().length][];
        for (int a = 0; a < ranges.length; a++) ranges[a] = new int[] {0, Math.toIntExact(resid.shape()[a])};
        ranges[1] = new int[] {from, to};
        Tensor part = resid.slice(ranges);
        float[] logits = engine.unembed(part).toFloats(); // [1, pos, vocab]
        int vocab = logits.length / (to - from);
        Distribution[] all = new Distribution[to - from];
        Parallel.each(
                all.length, p -> all[p] = new Distribution(Arrays.copyOfRange(logits, p * vocab, (p + 1) * vocab)));
        return all;
    }

    /** Next-token distribution at one position. */
    private static final class Distribution {

        final float[] logits;
        final double[] probs;
        /** Log-sum-exp of the logits. */
        final double logNorm;

        Distribution(float[] logits) {
            this.logits = logits;
            double max = Double.NEGATIVE_INFINITY;
            for (float l : logits) max = Math.max(max, l);
            probs = new double[logits.length];
            double sum = 0;
            for (int i = 0; i < probs.length; i++) {
                probs[i] = Math.exp(logits[i] - max);
                sum += probs[i];
            }
            for (int i = 0; i < probs.length; i++) probs[i] /= sum;
            logNorm = max + Math.log(sum);
        }

        double logProb(int token) {
            return logits[token] - logNorm;
        }
    }

    private static List<Integer> top(float[] x, int k) {
        return RowScan.highest(x, k, token -> true).stream()
                .map(RowScan.Scored::row)
                .toList();
    }
}
