package org.llminspector.train;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Locale;
import org.junit.jupiter.api.Test;
import org.llminspector.base.Json;
import org.llminspector.base.Tensor;
import org.llminspector.engine.Learner;
import org.llminspector.engine.Optimizer;
import org.llminspector.engine.Parameter;
import org.llminspector.engine.torch.learn.TorchLearner;
import org.llminspector.golden.Golden;

/**
 * What a learner does to a Llama is what plain PyTorch does to it, to 1e-4 and float32's rounding of the weights: its gradient, three updates of each optimizer, two
 * steps of direct preference optimization. {@code scripts/golden/make_learning.py} made the golden.
 */
class PlainTorchTest {

    private static final double CLOSE = 1e-4;
    private static final double WHOLE = Double.POSITIVE_INFINITY;
    private static final Path GOLDEN = Path.of("src/test/resources/learning.json");

    @Test
    void gradientsAndUpdates() throws IOException {
        JsonNode golden = Json.readObject(GOLDEN);
        int[][] text = {ints(golden.path("text"))};
        float[][] mean = {new float[text[0].length - 1]};
        Arrays.fill(mean[0], 1f / mean[0].length);
        try (Golden llama = new Golden(Golden.ROOT.resolve("llama"));
                Learner learner = TorchLearner.open(llama.weights, "cpu")) {
            Tensor first = learner.weights();
            Learner.State state = learner.state();
            double loss = mean(learner.accumulate(text, mean));
            assertThat(loss).isCloseTo(golden.path("loss").asDouble(), within(CLOSE * loss));
            same(learner, learner.gradient(), golden.path("gradient"), "gradient");
            learner.clearGradient();
            for (Optimizer.Kind kind : Optimizer.Kind.values()) {
                learner.setWeights(first);
                learner.setState(state);
                String name = kind.name().toLowerCase(Locale.ROOT);
                JsonNode expected = golden.path("updates").path(name);
                double rate = golden.path("rates").path(name).asDouble();
                Optimizer rule = new Optimizer(
                        kind, 0.9, 0.9, 0.999, 1e-8, golden.path("decay").asDouble());
                for (JsonNode then : expected.path("losses")) {
                    double now = mean(learner.accumulate(text, mean));
                    assertThat(now).as(name).isCloseTo(then.asDouble(), within(CLOSE * then.asDouble()));
                    if (learner.step() == golden.path("steps").asInt()) break;
                    learner.update(rule, rate, WHOLE);
                }
                moved(learner, first, expected.path("moved"), name);
                learner.clearGradient();
            }
        }
    }

    @Test
    void stepsOfDirectPreferenceOptimization() throws IOException {
        JsonNode golden = Json.readObject(GOLDEN).path("preference");
        double beta = golden.path("beta").asDouble();
        PreferredPair pair = new PreferredPair(
                ints(golden.path("prompt")), ints(golden.path("chosen")), ints(golden.path("rejected")));
        Optimizer rule = new Optimizer(Optimizer.Kind.ADAMW, 0.9, 0.9, 0.999, 1e-8, 0.1);
        try (Golden llama = new Golden(Golden.ROOT.resolve("llama"));
                Learner learner = TorchLearner.open(llama.weights, "cpu")) {
            Tensor first = learner.weights();
            PreferredPair.Scores reference = pair.score(learner);
            relative(
                    Arrays.stream(reference.chosen()).sum(),
                    golden.path("reference").get(0));
            relative(
                    Arrays.stream(reference.rejected()).sum(),
                    golden.path("reference").get(1));
            for (JsonNode step : golden.path("steps")) {
                PreferredPair.Scores now = pair.score(learner);
                relative(Arrays.stream(now.chosen()).sum(), step.path("chosen"));
                relative(Arrays.stream(now.rejected()).sum(), step.path("rejected"));
                relative(PreferredPair.loss(beta, now, reference), step.path("loss"));
                pair.accumulate(learner, beta, now, reference);
                same(learner, learner.gradient(), step.path("gradient"), "preference's gradient");
                relative(learner.update(rule, golden.path("rate").asDouble(), WHOLE), step.path("grad_norm"));
                moved(learner, first, step.path("moved"), "preference's update");
            }
            PreferredPair.Scores after = pair.score(learner);
            relative(Arrays.stream(after.chosen()).sum(), golden.path("after").get(0));
            relative(Arrays.stream(after.rejected()).sum(), golden.path("after").get(1));
        }
    }

    private static void relative(double found, JsonNode expected) {
        assertThat(found).isCloseTo(expected.asDouble(), within(CLOSE * Math.abs(expected.asDouble())));
    }

    private static void same(Learner learner, Tensor flat, JsonNode golden, String what) {
        same(learner, flat, null, golden, what);
    }

    /** What the updates so far added; a float32 weight is rounded twice in each of them, as it decays and as it moves. */
    private static void moved(Learner learner, Tensor first, JsonNode golden, String what) {
        float[] by = learner.weights().toFloats();
        float[] from = first.toFloats();
        float[] rounding = new float[by.length];
        for (int i = 0; i < by.length; i++) {
            rounding[i] = learner.step() * Math.ulp(by[i]);
            by[i] -= from[i];
        }
        same(learner, Tensor.of(by, by.length), Tensor.of(rounding, rounding.length), golden, what);
    }

    /** Compares each tensor's length, its sum along a wave, and some of its numbers, relative to their usual size. */
    private static void same(Learner learner, Tensor flat, Tensor rounding, JsonNode golden, String what) {
        assertThat(learner.parameters()).hasSize(golden.size());
        for (Parameter p : learner.parameters()) {
            JsonNode expected = golden.path(p.name());
            float[] found = p.of(flat).toFloats();
            float[] noise =
                    rounding == null ? new float[found.length] : p.of(rounding).toFloats();
            double length = expected.path("norm").asDouble();
            double close = CLOSE * length + length(noise);
            double wave = 0;
            for (int i = 0; i < found.length; i++) wave += found[i] * Math.sin(i + 1);
            String name = what + " of " + p.name();
            assertThat(length(found)).as(name).isCloseTo(length, within(close));
            assertThat(wave).as(name).isCloseTo(expected.path("wave").asDouble(), within(close));
            double usual = length / Math.sqrt(found.length);
            for (int n = 0; n < expected.path("at").size(); n++) {
                int i = expected.path("at").get(n).asInt();
                double then = expected.path("values").get(n).asDouble();
                double near = CLOSE * Math.max(usual, Math.abs(then)) + noise[i];
                assertThat((double) found[i]).as(name + ", " + i).isCloseTo(then, within(near));
            }
        }
    }

    private static double length(float[] values) {
        double squares = 0;
        for (float v : values) squares += (double) v * v;
        return Math.sqrt(squares);
    }

    private static double mean(Learner.Scores scores) {
        double sum = 0;
        for (float nll : scores.nll()[0]) sum += nll;
        return sum / scores.nll()[0].length;
    }

    private static int[] ints(JsonNode numbers) {
        int[] all = new int[numbers.size()];
        for (int i = 0; i < all.length; i++) all[i] = numbers.get(i).asInt();
        return all;
    }
}
