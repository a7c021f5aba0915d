package org.llminspector.engine.torch;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.util.Arrays;
import java.util.Random;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.llminspector.base.Tensor;
import org.llminspector.engine.Learner;
import org.llminspector.engine.Optimizer;
import org.llminspector.engine.Parameter;
import org.llminspector.golden.Golden;
import org.llminspector.hook.HookId;
import org.llminspector.hook.HookPoint;

/** The learner's arithmetic is the decoder's; its gradient is the slope of its loss. */
class TorchLearnerTest {

    @Test
    void lossesAreThoseOfTheDecodersLogits() {
        for (String name : new String[] {"llama", "llama_ropelinear", "llama_ropeyarn"}) {
            try (Golden g = new Golden(Golden.ROOT.resolve(name));
                    Learner learner = TorchLearner.open(g.weights, "cpu")) {
                int[] ids = g.ids("input_ids");
                HookId logits = HookId.of(HookPoint.LOGITS);
                float[] all =
                        g.capture(ids, Set.of(logits)).tensors().get(logits).toFloats();
                Learner.Scores scores = learner.score(new int[][] {ids, ids});
                int vocab = g.engine.spec().vocab();
                for (int t = 0; t + 1 < ids.length; t++) {
                    float[] row = Arrays.copyOfRange(all, t * vocab, (t + 1) * vocab);
                    double max = Double.NEGATIVE_INFINITY;
                    for (float v : row) max = Math.max(max, v);
                    double sum = 0;
                    for (float v : row) sum += Math.exp(v - max);
                    double nll = max + Math.log(sum) - row[ids[t + 1]];
                    assertThat((double) scores.nll()[0][t]).as(name + " " + t).isCloseTo(nll, within(5e-5));
                    assertThat(scores.nll()[1][t]).isEqualTo(scores.nll()[0][t]);
                    assertThat(scores.hit()[0][t]).isEqualTo(row[ids[t + 1]] == max);
                }
            }
        }
    }

    @Test
    void theGradientIsTheSlopeOfTheLoss() {
        try (Golden g = new Golden(Golden.ROOT.resolve("llama"));
                Learner learner = TorchLearner.open(g.weights, "cpu")) {
            int[] ids = g.ids("input_ids");
            int[][] tokens = {ids, reversed(ids)};
            float[][] weights = new float[2][ids.length - 1];
            for (int t = 0; t < ids.length - 1; t++) {
                weights[0][t] = t % 3;
                weights[1][t] = -0.5f; // as the rejected answer of a preference has it
            }
            Learner.Scores scores = learner.accumulate(tokens, weights);
            assertThat(scores.nll()[1]).containsExactly(learner.score(tokens).nll()[1], within(1e-5f));
            Tensor gradient = learner.gradient();
            Tensor before = learner.weights();
            Random random = new Random(5);
            for (Parameter p : learner.parameters()) {
                // Along a random direction of one tensor: the sum of many slopes, well above rounding.
                float[] direction = new float[(int) p.size()];
                double expected = 0;
                float[] slope = p.of(gradient).toFloats();
                for (int i = 0; i < direction.length; i++) {
                    direction[i] = (float) random.nextGaussian();
                    expected += direction[i] * (double) slope[i];
                }
                double h = 2e-3 / Math.sqrt(direction.length);
                double up = loss(learner, tokens, weights, moved(before, p, direction, h));
                double down = loss(learner, tokens, weights, moved(before, p, direction, -h));
                double found = (up - down) / (2 * h);
                assertThat(found).as(p.name()).isCloseTo(expected, within(3 + 0.02 * Math.abs(expected)));
            }
        }
    }

    @Test
    void gradientsAddUpUntilAnUpdate() {
        try (Golden g = new Golden(Golden.ROOT.resolve("llama"));
                Learner learner = TorchLearner.open(g.weights, "cpu")) {
            int[] ids = g.ids("input_ids");
            float[][] ones = new float[1][ids.length - 1];
            Arrays.fill(ones[0], 1f);
            learner.accumulate(new int[][] {ids}, ones);
            float[] once = learner.gradient().toFloats();
            learner.accumulate(new int[][] {ids}, ones);
            float[] twice = learner.gradient().toFloats();
            for (int i = 0; i < once.length; i++) assertThat(twice[i]).isCloseTo(2 * once[i], within(1e-4f));
            double norm = learner.update(Optimizer.of(Optimizer.Kind.SGD, 0), 0.01, Double.POSITIVE_INFINITY);
            double sum = 0;
            for (float v : twice) sum += (double) v * v;
            assertThat(norm).isCloseTo(Math.sqrt(sum), within(1e-3 * norm));
            assertThat(learner.gradient().toFloats()).containsOnly(0f);
        }
    }

    private static int[] reversed(int[] ids) {
        int[] out = new int[ids.length];
        for (int i = 0; i < ids.length; i++) out[i] = ids[ids.length - 1 - i];
        return out;
    }

    private static Tensor moved(Tensor from, Parameter p, float[] direction, double by) {
        float[] values = from.toFloats();
        for (int i = 0; i < direction.length; i++) values[(int) p.offset() + i] += (float) (by * direction[i]);
        return Tensor.of(values, values.length);
    }

    private static double loss(Learner learner, int[][] tokens, float[][] weights, Tensor at) {
        learner.setWeights(at);
        float[][] nll = learner.score(tokens).nll();
        double sum = 0;
        for (int b = 0; b < nll.length; b++) {
            for (int t = 0; t < nll[b].length; t++) sum += (double) weights[b][t] * nll[b][t];
        }
        return sum;
    }
}
