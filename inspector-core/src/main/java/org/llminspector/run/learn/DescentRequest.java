package org.llminspector.run.learn;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;
import org.llminspector.base.Problem;
import org.llminspector.engine.Optimizer;
import org.llminspector.train.surface.Descent;
import org.llminspector.train.surface.Surface;

/**
 * Request for the paths of optimizers on a two-dimensional loss surface.
 *
 * @param surface to descend
 * @param start x and y; not read without optimizers
 * @param steps of each optimizer (50)
 * @param optimizers at least one, or none where the grid alone is wanted
 * @param grid samples of the surface for drawing, or null
 */
public record DescentRequest(
        SurfaceChoice surface, List<Double> start, Integer steps, List<Walker> optimizers, Grid grid) {

    private static final int MAX_STEPS = 1000;
    private static final int MAX_STEPS_OF_A_MODEL = 60;
    private static final int MAX_GRID = 101;
    private static final int MAX_GRID_OF_A_MODEL = 51;
    private static final int POINTS = 64; // of a grid at once

    /**
     * One of: a function's name; a x^2 + b x y + c y^2; a model's loss over a plane through its weights.
     *
     * @param function bowl, ravine, saddle, rosenbrock or himmelblau
     * @param quadratic a, b, c
     * @param loss a model's loss
     */
    public record SurfaceChoice(String function, List<Double> quadratic, LossChoice loss) {}

    /**
     * A model's loss along two directions, whose rows are normalized to the norms of the weight's rows (Li et al.
     * 2018).
     *
     * @param model a slug (the default model)
     * @param prompt text whose mean next-token nll is the loss; exactly one of prompt and tokens
     * @param seed of the directions (1)
     * @param along the first direction: the gradient or random (random); the second is random
     */
    public record LossChoice(String model, String prompt, List<Integer> tokens, Long seed, Along along) {}

    /** First direction of a loss surface. */
    public enum Along {
        RANDOM,
        GRADIENT
    }

    /** An optimizer and its settings; null means the default of {@link Optimizer#of}. */
    public record Walker(
            Optimizer.Kind kind,
            Double learningRate,
            Double momentum,
            Double beta1,
            Double beta2,
            Double eps,
            Double weightDecay) {

        private Optimizer rule() {
            return Optimizer.of(kind, momentum, beta1, beta2, eps, weightDecay);
        }
    }

    /** n x n samples from low to high on both axes, inclusive. */
    public record Grid(Double low, Double high, Integer n) {}

    /**
     * @param values of the grid, rows of y, columns of x
     */
    public record Answer(List<Path> paths, List<Double> axis, List<List<Double>> values) {}

    /** Path of one optimizer; it ends early where a number is no longer finite. */
    public record Path(Optimizer.Kind kind, double learningRate, List<Descent.Point> points) {}

    boolean onAModel() {
        return surface != null && surface.loss() != null;
    }

    /** Validates the request before anything is computed. */
    void check() {
        need(surface != null, "surface", "function, quadratic or loss", null);
        int given = (surface.function() == null ? 0 : 1)
                + (surface.quadratic() == null ? 0 : 1)
                + (surface.loss() == null ? 0 : 1);
        need(given == 1, "surface", "exactly one of function, quadratic and loss", given);
        need(surface.quadratic() == null || surface.quadratic().size() == 3, "surface.quadratic", "a, b, c", null);
        boolean drawn = grid != null && walkers().isEmpty();
        need(drawn || (start != null && start.size() == 2), "start", "x and y", start);
        int most = onAModel() ? MAX_STEPS_OF_A_MODEL : MAX_STEPS;
        need(count() >= 1 && count() <= most, "steps", "1 to " + most, steps);
        need(drawn || (!walkers().isEmpty() && walkers().size() <= 8), "optimizers", "1 to 8, or a grid alone", null);
        for (int i = 0; i < walkers().size(); i++) {
            Walker w = walkers().get(i);
            need(w.kind() != null, "optimizers[" + i + "].kind", "sgd, momentum, adam or adamw", null);
            boolean rate = w.learningRate() != null && w.learningRate() > 0;
            need(rate, "optimizers[" + i + "].learning_rate", "more than 0", w.learningRate());
        }
        if (grid == null) return;
        int cells = onAModel() ? MAX_GRID_OF_A_MODEL : MAX_GRID;
        need(grid.n() != null && grid.n() >= 2 && grid.n() <= cells, "grid.n", "2 to " + cells, grid.n());
        boolean range = grid.low() != null && grid.high() != null && grid.low() < grid.high();
        need(range, "grid", "low less than high", grid);
    }

    Surface ofFunction() {
        if (surface.function() != null) return Surface.named(surface.function());
        List<Double> q = surface.quadratic();
        return Surface.quadratic(q.get(0), q.get(1), q.get(2));
    }

    Answer on(Surface where) {
        List<Path> paths = new ArrayList<>();
        if (!walkers().isEmpty()) {
            List<Descent.Walker> rules = walkers().stream()
                    .map(w -> new Descent.Walker(w.rule(), w.learningRate()))
                    .toList();
            List<List<Descent.Point>> points = Descent.paths(where, rules, start.get(0), start.get(1), count());
            for (int i = 0; i < points.size(); i++) {
                Walker w = walkers().get(i);
                paths.add(new Path(w.kind(), w.learningRate(), points.get(i)));
            }
        }
        if (grid == null) return new Answer(paths, null, null);
        int n = grid.n();
        double[] axis = IntStream.range(0, n)
                .mapToDouble(i -> grid.low() + (grid.high() - grid.low()) * i / (n - 1))
                .toArray();
        double[][] points = IntStream.range(0, n * n)
                .mapToObj(i -> new double[] {axis[i % n], axis[i / n]})
                .toArray(double[][]::new);
        List<Double> values = new ArrayList<>();
        for (int i = 0; i < points.length; i += POINTS) {
            double[][] some = Arrays.copyOfRange(points, i, Math.min(points.length, i + POINTS));
            for (double value : where.values(some)) values.add(value);
        }
        return new Answer(
                paths,
                Arrays.stream(axis).boxed().toList(),
                IntStream.range(0, n)
                        .mapToObj(row -> values.subList(row * n, (row + 1) * n))
                        .toList());
    }

    private List<Walker> walkers() {
        return optimizers == null ? List.of() : optimizers;
    }

    private int count() {
        return steps == null ? 50 : steps;
    }

    private static void need(boolean holds, String field, String expected, Object found) {
        if (holds) return;
        throw Problem.invalid("this descent cannot be computed")
                .where(field)
                .expected(expected)
                .found(found);
    }
}
