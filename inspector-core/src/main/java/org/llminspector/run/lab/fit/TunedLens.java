package org.llminspector.run.lab.fit;

import java.util.Random;
import org.llminspector.base.Parallel;

/**
 * The tuned lens (Belrose et al. 2023): h + W h + b, zero at the start, fitted so that its next-token distribution is the model's own:
 * the mean of KL(final || lens) over positions, by Adam.
 */
final class TunedLens {

    private static final int BATCH = 64;

    private final Unembedded unembedded;
    private final int steps;
    private final double rate;
    private final int seed;

    TunedLens(Unembedded unembedded, int steps, double rate, int seed) {
        this.unembedded = unembedded;
        this.steps = steps;
        this.rate = rate;
        this.seed = seed;
    }

    /**
     * @param streams of one layer, [row][d_model]
     * @param last of the last layer at the same positions
     * @param each called after each step
     */
    AffineLens fit(float[][] streams, float[][] last, Runnable each) {
        int d = streams[0].length;
        AffineLens lens = AffineLens.identity(d);
        Adam matrix = new Adam(d * d, rate);
        Adam bias = new Adam(d, rate);
        Random draws = new Random(seed);
        for (int step = 0; step < steps; step++) {
            int n = Math.min(BATCH, streams.length);
            float[][] h = new float[n][];
            float[][] wanted = new float[n][];
            for (int i = 0; i < n; i++) {
                int row = n == streams.length ? i : draws.nextInt(streams.length);
                h[i] = streams[row];
                wanted[i] = last[row];
            }
            float[][] g = gradient(lens.apply(h), wanted);
            double[] byMatrix = new double[d * d];
            double[] byBias = new double[d];
            Parallel.each(d, r -> {
                for (int i = 0; i < n; i++) {
                    byBias[r] += g[i][r];
                    for (int c = 0; c < d; c++) byMatrix[r * d + c] += (double) g[i][r] * h[i][c];
                }
            });
            matrix.update(lens.matrix(), byMatrix);
            bias.update(lens.bias(), byBias);
            each.run();
        }
        return lens;
    }

    /** The gradient of the mean KL by each stream. */
    private float[][] gradient(float[][] streams, float[][] wanted) {
        double[][] p = unembedded.logProbabilities(wanted);
        double[][] q = unembedded.logProbabilities(streams);
        float[][] slope = new float[streams.length][p[0].length];
        for (int r = 0; r < slope.length; r++)
            for (int v = 0; v < slope[r].length; v++)
                slope[r][v] = (float) ((Math.exp(q[r][v]) - Math.exp(p[r][v])) / slope.length);
        return unembedded.back(streams, slope);
    }
}
