package org.llminspector.train.surface;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.llminspector.base.Problem;
import org.llminspector.base.Tensor;
import org.llminspector.engine.Learner;
import org.llminspector.engine.Optimizer;
import org.llminspector.engine.Optimizer.Kind;
import org.llminspector.engine.Parameter;
import org.llminspector.engine.torch.learn.TorchLearner;
import org.llminspector.golden.Golden;

/** Optimizers on surfaces: steps against values computed by hand, slopes against the surface itself. */
public class DescentTest {

    @Test
    void stepsByHand() {
        Surface bowl = Surface.named("bowl"); // x^2 + y^2, slopes 2x and 2y
        List<Descent.Point> sgd =
                Descent.path(bowl, Optimizer.of(Kind.SGD, null, null, null, null, 0.0), 0.1, 1, -2, 2);
        assertThat(sgd.get(0)).isEqualTo(new Descent.Point(1, -2, 5, 2, -4));
        assertThat(sgd.get(1).x()).isCloseTo(0.8, within(1e-12));
        assertThat(sgd.get(2).x()).isCloseTo(0.64, within(1e-12));
        List<Descent.Point> momentum =
                Descent.path(bowl, Optimizer.of(Kind.MOMENTUM, null, null, null, null, 0.0), 0.1, 1, -2, 2);
        // b = 2, x = 0.8; b = 0.9 * 2 + 1.6 = 3.4, x = 0.46
        assertThat(momentum.get(2).x()).isCloseTo(0.46, within(1e-12));
        // Adam's first step is the learning rate, independent of the gradient.
        assertThat(Descent.path(bowl, Optimizer.of(Kind.ADAM, null, null, null, null, 0.0), 0.1, 1, -2, 1)
                        .get(1)
                        .x())
                .isCloseTo(0.9, within(1e-7));
        // AdamW first takes 1 - 0.1 * 0.5 of the weight.
        assertThat(Descent.path(bowl, Optimizer.of(Kind.ADAMW, null, null, null, null, 0.5), 0.1, 1, -2, 1)
                        .get(1)
                        .x())
                .isCloseTo(0.85, within(1e-7));
    }

    @Test
    void slopesAreThoseOfTheSurfaces() {
        for (String name : new String[] {"bowl", "ravine", "saddle", "rosenbrock", "himmelblau"}) {
            Surface s = Surface.named(name);
            double[] g = s.gradient(0.7, -1.3);
            assertThat(g[0])
                    .as(name)
                    .isCloseTo((s.value(0.7 + 1e-6, -1.3) - s.value(0.7 - 1e-6, -1.3)) / 2e-6, within(1e-3));
            assertThat(g[1])
                    .as(name)
                    .isCloseTo((s.value(0.7, -1.3 + 1e-6) - s.value(0.7, -1.3 - 1e-6)) / 2e-6, within(1e-3));
        }
        assertThatThrownBy(() -> Surface.named("flat"))
                .isInstanceOf(Problem.class)
                .hasMessageContaining("ravine");
    }

    @Test
    void aPathThatLeavesTheNumbersEnds() {
        List<Descent.Point> path = Descent.path(
                Surface.named("rosenbrock"), Optimizer.of(Kind.SGD, null, null, null, null, 0.0), 1, 2, 2, 100);
        assertThat(path.size()).isBetween(2, 20);
    }

    @Test
    void aRealLossHasThePlanesSlopes() {
        try (Golden g = new Golden(Golden.ROOT.resolve("llama"));
                Learner learner = TorchLearner.open(g.weights, "cpu")) {
            int[] ids = g.ids("input_ids");
            Surface surface = new LossSurface(learner, ids, 5, false);
            double here = 0;
            for (float v : learner.score(new int[][] {ids}).nll()[0]) here += v;
            assertThat(surface.value(0, 0)).isCloseTo(here / (ids.length - 1), within(1e-4));
            double h = 2e-3;
            double[] slope = surface.gradient(0.05, -0.1);
            double alongX = (surface.value(0.05 + h, -0.1) - surface.value(0.05 - h, -0.1)) / (2 * h);
            double alongY = (surface.value(0.05, -0.1 + h) - surface.value(0.05, -0.1 - h)) / (2 * h);
            assertThat(alongX).isCloseTo(slope[0], within(0.02 + 0.02 * Math.abs(slope[0])));
            assertThat(alongY).isCloseTo(slope[1], within(0.02 + 0.02 * Math.abs(slope[1])));
        }
    }

    /** The loss rises along its own gradient, and at the start no direction of the slice rises more steeply. */
    @Test
    void aSliceMayLieAlongTheGradient() {
        try (Golden g = new Golden(Golden.ROOT.resolve("llama"));
                Learner learner = TorchLearner.open(g.weights, "cpu")) {
            Surface surface = new LossSurface(learner, g.ids("input_ids"), 5, true);
            double[] slope = surface.gradient(0, 0);
            assertThat(slope[0]).isPositive();
            assertThat(slope[0]).isGreaterThan(3 * Math.abs(slope[1]));
            assertThat(surface.value(-0.01, 0)).isLessThan(surface.value(0, 0));
        }
    }

    /** Walkers that step together go as each would alone; one that leaves the numbers does not hold up the others. */
    @Test
    void walkersDoNotDisturbOneAnother() {
        List<Descent.Walker> walkers = new ArrayList<>();
        for (Kind kind : Kind.values())
            walkers.add(
                    new Descent.Walker(Optimizer.of(kind, null, null, null, null, null), kind == Kind.SGD ? 1 : 0.001));
        Surface valley = Surface.named("rosenbrock");
        List<List<Descent.Point>> together = Descent.paths(valley, walkers, 2, 2, 40);
        for (int i = 0; i < walkers.size(); i++) {
            Descent.Walker w = walkers.get(i);
            assertThat(together.get(i)).isEqualTo(Descent.path(valley, w.rule(), w.learningRate(), 2, 2, 40));
        }
        assertThat(together.get(0).size()).isLessThan(20);
        assertThat(together.get(3)).hasSize(41);
    }

    /** Losses and slopes of many points in a pass are those of moved weights, in models of several kinds. */
    @ParameterizedTest
    @ValueSource(strings = {"llama", "gpt2", "gemma2", "../families/bloom", "../families/opt"})
    void manyPointsInAPassHaveTheLossesOfMovedWeights(String golden) {
        try (Golden g = new Golden(Golden.ROOT.resolve(golden));
                Learner learner = TorchLearner.open(g.weights, "cpu")) {
            int[] ids = g.ids("input_ids");
            float[] w = learner.weights().toFloats();
            float[] u = direction(learner, 1);
            float[] v = direction(learner, 2);
            double[][] points = new double[150][]; // more than one pass takes
            Random random = new Random(3);
            for (int i = 0; i < points.length; i++)
                points[i] = new double[] {random.nextGaussian() / 3, random.nextGaussian() / 3};
            points[0] = new double[2];
            double[] losses;
            double[][] slopes;
            try (Learner.Plane plane = learner.plane(ids, Tensor.of(u, u.length), Tensor.of(v, v.length))
                    .orElseThrow()) {
                losses = plane.losses(points);
                slopes = plane.slopes(points);
            }
            assertThat(learner.weights().toFloats()).as("the weights stay").isEqualTo(w);
            try (Learner.Plane moved = new MovedWeights(learner, ids, w, u, v)) {
                double[] expected = moved.losses(points);
                for (int i = 0; i < points.length; i++) {
                    assertThat(losses[i]).as("loss %d", i).isCloseTo(expected[i], within(3e-4 * (1 + expected[i])));
                    assertThat(slopes[i][0]).isCloseTo(losses[i], within(1e-4 * (1 + losses[i])));
                }
                double[][] some = Arrays.copyOf(points, 12);
                double[][] along = moved.slopes(some);
                for (int i = 0; i < some.length; i++)
                    for (int k = 1; k < 3; k++)
                        assertThat(slopes[i][k])
                                .as("slope %d of %d", k, i)
                                .isCloseTo(along[i][k], within(2e-3 * (1 + Math.abs(along[i][k]))));
            }
        }
    }

    /** A tenth of each matrix's own numbers in another order: as large as the weights are. */
    private static float[] direction(Learner learner, long seed) {
        Random random = new Random(seed);
        float[] w = learner.weights().toFloats();
        float[] direction = new float[w.length];
        for (Parameter p : learner.parameters()) {
            if (!p.isMatrix()) continue;
            for (int i = (int) p.offset(); i < p.offset() + p.size(); i++)
                direction[i] = w[(int) p.offset() + random.nextInt((int) p.size())];
        }
        return direction;
    }

    /** Experts see some tokens only: such a model's plane is that of moved weights. */
    @Test
    void aMixtureOfExpertsHasASurfaceToo() {
        try (Golden g = new Golden(Golden.ROOT.resolve("../families/mixtral"));
                Learner learner = TorchLearner.open(g.weights, "cpu")) {
            int[] ids = g.ids("input_ids");
            Tensor zero = learner.weights();
            assertThat(learner.plane(ids, zero, zero)).isEmpty();
            double here = 0;
            for (float nll : learner.score(new int[][] {ids}).nll()[0]) here += nll;
            try (LossSurface surface = new LossSurface(learner, ids, 5, false)) {
                assertThat(surface.value(0, 0)).isCloseTo(here / (ids.length - 1), within(1e-4));
                assertThat(surface.value(0.5, 0)).isNotCloseTo(here / (ids.length - 1), within(1e-3));
            }
            assertThat(learner.weights().toFloats()).as("the weights are back").isEqualTo(zero.toFloats());
        }
    }
}
