package org.llminspector.engine.torch.learn;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Random;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.llminspector.base.Json;
import org.llminspector.base.Tensor;
import org.llminspector.engine.Learner;
import org.llminspector.engine.Optimizer;
import org.llminspector.engine.Parameter;
import org.llminspector.golden.Golden;
import org.llminspector.hook.HookId;
import org.llminspector.hook.HookPoint;
import org.llminspector.spec.Activation;
import org.llminspector.spec.Attention;
import org.llminspector.spec.DecoderSpec;
import org.llminspector.spec.LayerSpec;
import org.llminspector.spec.Mlp;
import org.llminspector.spec.Norm;
import org.llminspector.spec.Rope;

/** The learner's arithmetic is the decoder's; its gradient is the slope of its loss. */
public class TorchLearnerTest {

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

    /** A position's gradient for several tokens in equal parts is the mean of those for each. */
    @Test
    void oneOfSeveralTeachesAllOfThem() {
        try (Golden g = new Golden(Golden.ROOT.resolve("llama"));
                Learner learner = TorchLearner.open(g.weights, "cpu")) {
            int[] ids = g.ids("input_ids");
            int last = ids.length - 2;
            float[][] weights = new float[2][ids.length - 1];
            weights[0][1] = 0.3f;
            weights[1][1] = 0.2f;
            weights[1][last] = 0.7f;
            int[] several = {3, 9, 9, 4}; // two words can begin alike
            float[] mean = new float[learner.gradient().toFloats().length];
            for (int id : several) {
                int[] other = ids.clone();
                other[last + 1] = id;
                learner.accumulate(new int[][] {ids, other}, weights);
                float[] gradient = learner.gradient().toFloats();
                for (int i = 0; i < mean.length; i++) mean[i] += gradient[i] / several.length;
                learner.clearGradient();
            }
            int[][] choices = new int[ids.length - 1][];
            choices[last] = several;
            int[][] tokens = {ids, ids};
            Learner.Scores scores = learner.accumulate(tokens, weights, new int[][][] {new int[0][], choices});
            assertThat(learner.gradient().toFloats()).containsExactly(mean, within(1e-5f));
            assertThat(scores.nll()[1])
                    .as("of the token that came")
                    .containsExactly(learner.score(tokens).nll()[1], within(1e-5f));
            learner.clearGradient();
            learner.accumulate(tokens, weights);
            float[] alone = learner.gradient().toFloats();
            double apart = 0;
            for (int i = 0; i < mean.length; i++) apart = Math.max(apart, Math.abs(alone[i] - mean[i]));
            assertThat(apart).as("one alone teaches otherwise").isGreaterThan(1e-2);
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
            double norm = learner.update(
                    Optimizer.of(Optimizer.Kind.SGD, null, null, null, null, 0.0), 0.01, Double.POSITIVE_INFINITY);
            double sum = 0;
            for (float v : twice) sum += (double) v * v;
            assertThat(norm).isCloseTo(Math.sqrt(sum), within(1e-9 * norm));
            assertThat(learner.gradient().toFloats()).containsOnly(0f);
        }
    }

    /** {@code scripts/golden/make_optimizers.py} made the golden. */
    @Test
    void everyOptimizerStepsAsPyTorchs() throws IOException {
        JsonNode golden = Json.readObject(Path.of("src/test/resources/optimizers.json"));
        Norm norm = new Norm(Norm.Kind.RMS, 1e-5);
        Attention attention = Attention.plain(2, 1, 2, new Rope(2, 1e4, new Rope.Default()), null, false, false)
                .scaled(0.7f);
        LayerSpec layer =
                new LayerSpec(norm, attention, null, norm, new Mlp(3, Activation.SILU, true, false), null, false);
        DecoderSpec spec = new DecoderSpec("llama", 5, 4, 8, false, 1f, List.of(layer), norm, true, false, null, null);
        try (TorchLearner learner = TorchLearner.open(spec, "cpu")) {
            for (Optimizer.Kind kind : Optimizer.Kind.values()) {
                learner.setWeights(flat(golden.path("weights")));
                Tensor zeros = Tensor.of(new float[116], 116);
                learner.setState(new Learner.State(0, zeros, zeros));
                Optimizer optimizer = new Optimizer(
                        kind, 0.9, 0.9, 0.95, 1e-8, golden.path("decay").asDouble());
                JsonNode after = golden.path("after").path(kind.name().toLowerCase(Locale.ROOT));
                for (int i = 0; i < after.size(); i++) {
                    learner.setGradient(flat(golden.path("gradients").get(i)));
                    double length = learner.update(
                            optimizer, golden.path("rates").get(i).asDouble(), 1.0);
                    assertThat(length).isCloseTo(after.get(i).path("norm").asDouble(), within(1e-5));
                    assertThat(learner.weights().toFloats())
                            .as(kind + ", update " + (i + 1))
                            .containsExactly(flat(after.get(i).path("weights")).toFloats(), within(1e-6f));
                }
                assertThat(learner.state().step()).isEqualTo(3);
            }
        }
    }

    private static Tensor flat(JsonNode numbers) {
        float[] values = new float[numbers.size()];
        for (int i = 0; i < values.length; i++)
            values[i] = (float) numbers.get(i).asDouble();
        return Tensor.of(values, values.length);
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
