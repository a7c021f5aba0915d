package org.llminspector.train.surface;

import java.util.ArrayList;
import java.util.List;
import org.llminspector.engine.Optimizer;

/** Path of an optimizer on a surface: the rules of {@link Optimizer} for two numbers, both with weight decay. */
public final class Descent {

    /** One point of the path, with value and gradient. */
    public record Point(double x, double y, double value, double gradX, double gradY) {}

    /** An optimizer and its learning rate. */
    public record Walker(Optimizer rule, double learningRate) {}

    private Descent() {}

    /** One walker's path. */
    public static List<Point> path(
            Surface surface, Optimizer o, double learningRate, double startX, double startY, int steps) {
        return paths(surface, List.of(new Walker(o, learningRate)), startX, startY, steps)
                .get(0);
    }

    /**
     * The start and the point after each step of every walker, whose slopes are computed together; a path ends early
     * where a number is no longer finite.
     */
    public static List<List<Point>> paths(
            Surface surface, List<Walker> walkers, double startX, double startY, int steps) {
        List<Walk> all = walkers.stream().map(w -> new Walk(w, startX, startY)).toList();
        List<Walk> on = all;
        for (int n = 1; !on.isEmpty(); n++) {
            double[][] slopes =
                    surface.slopes(on.stream().map(w -> w.at.clone()).toArray(double[][]::new));
            List<Walk> still = new ArrayList<>();
            for (int k = 0; k < slopes.length; k++) if (on.get(k).step(n, slopes[k])) still.add(on.get(k));
            on = n > steps ? List.of() : still;
        }
        return all.stream().map(w -> w.path).toList();
    }

    private static final class Walk {
        private final Walker walker;
        private final double[] at;
        private final double[] first = new double[2];
        private final double[] second = new double[2];
        private final List<Point> path = new ArrayList<>();

        private Walk(Walker walker, double x, double y) {
            this.walker = walker;
            this.at = new double[] {x, y};
        }

        /** Notes the point, with its value and slopes, and goes on; false where a number is not finite. */
        private boolean step(int n, double[] slope) {
            if (!Double.isFinite(slope[0] + slope[1] + slope[2])) return false;
            path.add(new Point(at[0], at[1], slope[0], slope[1], slope[2]));
            for (int i = 0; i < 2; i++)
                at[i] = next(walker.rule(), walker.learningRate(), n, at[i], slope[1 + i], first, second, i);
            return true;
        }
    }

    private static double next(
            Optimizer o, double lr, int n, double w, double slope, double[] first, double[] second, int i) {
        double decayed = o.kind() == Optimizer.Kind.ADAMW ? w * (1 - lr * o.weightDecay()) : w;
        double g = o.kind() == Optimizer.Kind.ADAMW ? slope : slope + o.weightDecay() * w;
        return switch (o.kind()) {
            case SGD -> w - lr * g;
            case MOMENTUM -> {
                first[i] = o.momentum() * first[i] + g;
                yield w - lr * first[i];
            }
            default -> {
                first[i] = o.beta1() * first[i] + (1 - o.beta1()) * g;
                second[i] = o.beta2() * second[i] + (1 - o.beta2()) * g * g;
                double mean = first[i] / (1 - Math.pow(o.beta1(), n));
                double root = Math.sqrt(second[i] / (1 - Math.pow(o.beta2(), n)));
                yield decayed - lr * mean / (root + o.eps());
            }
        };
    }
}
