package org.llminspector.bench;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.llminspector.base.Json;
import org.llminspector.checkpoint.Checkpoint;
import org.llminspector.engine.Learner;
import org.llminspector.engine.Optimizer;
import org.llminspector.engine.torch.learn.TorchLearner;
import org.llminspector.family.Family;

/**
 * TrainBench makes the embedded model's updates: 4 sequences of 512 tokens in two passes, clipped, AdamW;
 * {@code scripts/bench train} calls it, and its Python twin is scripts/benchmarks/train.py.
 *
 * <p>{@code --model DIR}. Milliseconds of each update after the first three, and the losses of those three.
 */
public final class TrainBench {

    private static final int SEQUENCES = 4;
    private static final int AT_ONCE = 2;
    private static final int PREDICTED = 512;
    private static final int WARM = 3;
    private static final int UPDATES = 12;

    private TrainBench() {}

    public static void main(String[] args) {
        if (args.length != 2 || !args[0].equals("--model")) throw new IllegalArgumentException("--model DIR");
        List<Double> losses = new ArrayList<>();
        List<Double> ms = new ArrayList<>();
        try (Checkpoint checkpoint = Checkpoint.open(Path.of(args[1]));
                Learner learner = TorchLearner.open(Family.open(checkpoint), "cpu")) {
            int[][] tokens = tokens(learner.spec().vocab());
            Optimizer adamw = new Optimizer(Optimizer.Kind.ADAMW, 0.9, 0.9, 0.98, 1e-8, 0.1);
            for (int update = 0; update < WARM + UPDATES; update++) {
                long from = System.nanoTime();
                double loss = 0;
                for (int s = 0; s < SEQUENCES; s += AT_ONCE)
                    loss += pass(learner, Arrays.copyOfRange(tokens, s, s + AT_ONCE));
                learner.update(adamw, 1e-3, 1);
                if (update < WARM) losses.add(loss);
                else ms.add((System.nanoTime() - from) / 1e6);
            }
        }
        Map<String, Object> result = new LinkedHashMap<>();
        result.put("tokens", SEQUENCES * PREDICTED);
        result.put("losses", losses);
        result.put("update_ms", ms);
        System.out.println(Json.write(result));
    }

    /** Adds the gradient of two sequences; gives their share of the mean loss. */
    private static double pass(Learner learner, int[][] tokens) {
        float[][] weights = new float[tokens.length][PREDICTED];
        for (float[] row : weights) Arrays.fill(row, 1f / (SEQUENCES * PREDICTED));
        double loss = 0;
        for (float[] row : learner.accumulate(tokens, weights).nll()) for (float nll : row) loss += nll;
        return loss / (SEQUENCES * PREDICTED);
    }

    /** Ids without a pattern that a model knows, the same as the twin's. */
    private static int[][] tokens(int vocabulary) {
        int[][] tokens = new int[SEQUENCES][PREDICTED + 1];
        for (int s = 0; s < SEQUENCES; s++)
            for (int t = 0; t <= PREDICTED; t++) tokens[s][t] = (s * (PREDICTED + 1) + t) * 7919 % vocabulary;
        return tokens;
    }
}
