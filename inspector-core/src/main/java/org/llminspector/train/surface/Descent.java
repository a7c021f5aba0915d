package org.llminspector.train.surface;

import java.util.ArrayList;
import java.util.List;
import org.llminspector.engine.Optimizer;

/** Path of an optimizer on a surface: the rules of {@link Optimizer} for two numbers, both with weight decay. */
public final class Descent {

    /** One point of the path, with value and gradient. */
    public record Point(double x, double y, double value, double gradX, double gradY) {}

    private Descent() {}

    /** The start and the point after each step; ends early where a number is no longer finite. */
    public static List<Point> path(
            Surface surface, Optimizer o, double learningRate, double startX, double startY, int steps) {
        double[] at = {startX, startY};
        double[] first = new double[2];
        double[] second = new double[2];
        List<Point> path = new ArrayList<>();
        for (int n = 1; ; n++) {
            double[] g = surface.gradient(at[0], at[1]);
            Point point = new Point(at[0], at[1], surface.value(at[0], at[1]), g[0], g[1]);
            if (!Double.isFinite(point.value()) || !Double.isFinite(g[0] + g[1])) return path;
            path.add(point);
            if (n > steps) return path;
            for (int i = 0; i < 2; i++) at[i] = next(o, learningRate, n, at[i], g[i], first, second, i);
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
