package org.llminspector.train.surface;

import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Stream;
import org.llminspector.base.Problem;

/** Function of two variables with its gradient, for optimizers to minimize. */
public interface Surface {

    /** Values at points {x, y}. */
    double[] values(double[][] points);

    /** The value and the partial derivatives by x and y at each point, [3] each. */
    double[][] slopes(double[][] points);

    default double value(double x, double y) {
        return values(new double[][] {{x, y}})[0];
    }

    /** The partial derivatives by x and y, [2]. */
    default double[] gradient(double x, double y) {
        double[] slope = slopes(new double[][] {{x, y}})[0];
        return new double[] {slope[1], slope[2]};
    }

    /** A surface that is computed point by point. */
    interface Function extends Surface {

        @Override
        double value(double x, double y);

        @Override
        double[] gradient(double x, double y);

        @Override
        default double[] values(double[][] points) {
            return Stream.of(points).mapToDouble(p -> value(p[0], p[1])).toArray();
        }

        @Override
        default double[][] slopes(double[][] points) {
            return Stream.of(points)
                    .map(p -> {
                        double[] gradient = gradient(p[0], p[1]);
                        return new double[] {value(p[0], p[1]), gradient[0], gradient[1]};
                    })
                    .toArray(double[][]::new);
        }
    }

    /** Test functions of optimizers, by name. */
    static Surface named(String name) {
        Surface surface = Named.ALL.get(name == null ? "" : name.toLowerCase(Locale.ROOT));
        if (surface != null) return surface;
        throw Problem.invalid("there is no such surface")
                .where("surface.function")
                .expected(String.join(", ", Named.ALL.keySet()))
                .found(name);
    }

    /** a x^2 + b x y + c y^2. */
    static Surface quadratic(double a, double b, double c) {
        return new Function() {
            @Override
            public double value(double x, double y) {
                return a * x * x + b * x * y + c * y * y;
            }

            @Override
            public double[] gradient(double x, double y) {
                return new double[] {2 * a * x + b * y, b * x + 2 * c * y};
            }
        };
    }

    /** The functions of {@link #named}. */
    final class Named {
        private static final Map<String, Surface> ALL = new TreeMap<>(Map.of(
                "bowl", quadratic(1, 0, 1),
                "ravine", quadratic(0.05, 0, 1),
                "saddle", quadratic(1, 0, -1),
                "rosenbrock", new Rosenbrock(),
                "himmelblau", new Himmelblau()));

        private Named() {}
    }

    /** (1 - x)^2 + 100 (y - x^2)^2: a curved valley with its minimum at (1, 1) (Rosenbrock 1960). */
    final class Rosenbrock implements Function {
        @Override
        public double value(double x, double y) {
            double v = y - x * x;
            return (1 - x) * (1 - x) + 100 * v * v;
        }

        @Override
        public double[] gradient(double x, double y) {
            double v = y - x * x;
            return new double[] {-2 * (1 - x) - 400 * x * v, 200 * v};
        }
    }

    /** (x^2 + y - 11)^2 + (x + y^2 - 7)^2: four equal minima (Himmelblau 1972). */
    final class Himmelblau implements Function {
        @Override
        public double value(double x, double y) {
            double a = x * x + y - 11;
            double b = x + y * y - 7;
            return a * a + b * b;
        }

        @Override
        public double[] gradient(double x, double y) {
            double a = x * x + y - 11;
            double b = x + y * y - 7;
            return new double[] {4 * x * a + 2 * b, 2 * a + 4 * y * b};
        }
    }
}
