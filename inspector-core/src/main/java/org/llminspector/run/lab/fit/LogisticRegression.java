package org.llminspector.run.lab.fit;

import java.util.Arrays;

/**
 * Logistic regression of two balanced classes: minimises |w|^2 / 2 + c sum s ln(1 + exp(-y (w . x + b))) with s = n / (2 n_class), as
 * scikit-learn's LogisticRegression(class_weight="balanced") does. By Newton's method, to the optimum: the problem is convex.
 */
final class LogisticRegression {

    private static final int MOST_STEPS = 200;

    /** Largest component of the gradient at the optimum. */
    private static final double CLOSE = 1e-9;

    private LogisticRegression() {}

    /** @param weights one per feature */
    record Fit(double[] weights, double intercept) {

        /** Positive for the second class. */
        double score(double[] x) {
            double z = intercept;
            for (int i = 0; i < x.length; i++) z += weights[i] * x[i];
            return z;
        }
    }

    /**
     * @param x [row][feature]
     * @param second which rows are of the second class
     * @param c inverse strength of the penalty
     */
    static Fit fit(double[][] x, boolean[] second, double c) {
        int k = x[0].length;
        double[] weight = new double[k + 1]; // the intercept is last, and not penalised
        double[] importance = importance(second, c);
        double loss = loss(x, second, importance, weight);
        for (int step = 0; step < MOST_STEPS; step++) {
            double[] gradient = Arrays.copyOf(weight, k + 1);
            gradient[k] = 0;
            double[][] hessian = new double[k + 1][k + 1];
            for (int i = 0; i < k; i++) hessian[i][i] = 1;
            hessian[k][k] = 1e-12;
            for (int r = 0; r < x.length; r++) {
                double p = 1 / (1 + Math.exp(-score(x[r], weight)));
                double slope = importance[r] * (p - (second[r] ? 1 : 0));
                double curve = importance[r] * p * (1 - p);
                for (int i = 0; i <= k; i++) {
                    double xi = i == k ? 1 : x[r][i];
                    gradient[i] += slope * xi;
                    for (int j = 0; j <= i; j++) hessian[i][j] += curve * xi * (j == k ? 1 : x[r][j]);
                }
            }
            if (Arrays.stream(gradient).map(Math::abs).max().orElse(0) < CLOSE) break;
            double[] move = solve(hessian, gradient);
            double size = 1;
            double[] next = moved(weight, move, size);
            double now = loss(x, second, importance, next);
            while (now > loss && size > 1e-10) {
                size /= 2;
                next = moved(weight, move, size);
                now = loss(x, second, importance, next);
            }
            if (now >= loss) break; // rounding is all that is left
            weight = next;
            loss = now;
        }
        return new Fit(Arrays.copyOf(weight, k), weight[k]);
    }

    /** The largest component of the loss's gradient at a fit: none at the optimum. */
    static double slope(double[][] x, boolean[] second, double c, Fit fit) {
        double[] gradient = Arrays.copyOf(fit.weights(), fit.weights().length + 1);
        double[] importance = importance(second, c);
        for (int r = 0; r < x.length; r++) {
            double slope = importance[r] * (1 / (1 + Math.exp(-fit.score(x[r]))) - (second[r] ? 1 : 0));
            for (int i = 0; i < x[r].length; i++) gradient[i] += slope * x[r][i];
            gradient[gradient.length - 1] += slope;
        }
        return Arrays.stream(gradient).map(Math::abs).max().orElse(0);
    }

    private static double[] importance(boolean[] second, double c) {
        int ones = 0;
        for (boolean y : second) if (y) ones++;
        double[] out = new double[second.length];
        for (int r = 0; r < out.length; r++)
            out[r] = c * second.length / (2.0 * (second[r] ? ones : second.length - ones));
        return out;
    }

    private static double score(double[] x, double[] weight) {
        double z = weight[x.length];
        for (int i = 0; i < x.length; i++) z += weight[i] * x[i];
        return z;
    }

    private static double loss(double[][] x, boolean[] second, double[] importance, double[] weight) {
        double loss = 0;
        for (int i = 0; i < weight.length - 1; i++) loss += weight[i] * weight[i] / 2;
        for (int r = 0; r < x.length; r++) {
            double margin = (second[r] ? 1 : -1) * score(x[r], weight);
            loss += importance[r]
                    * (margin > 0 ? Math.log1p(Math.exp(-margin)) : Math.log1p(Math.exp(margin)) - margin);
        }
        return loss;
    }

    private static double[] moved(double[] weight, double[] move, double size) {
        double[] next = weight.clone();
        for (int i = 0; i < next.length; i++) next[i] -= size * move[i];
        return next;
    }

    /** Solves a x = b for a symmetric positive definite matrix of which the lower half is given (Cholesky). */
    private static double[] solve(double[][] a, double[] b) {
        int n = b.length;
        for (int i = 0; i < n; i++) {
            for (int j = 0; j <= i; j++) {
                double sum = a[i][j];
                for (int m = 0; m < j; m++) sum -= a[i][m] * a[j][m];
                a[i][j] = i == j ? Math.sqrt(Math.max(sum, 1e-300)) : sum / a[j][j];
            }
        }
        double[] x = b.clone();
        for (int i = 0; i < n; i++) {
            for (int m = 0; m < i; m++) x[i] -= a[i][m] * x[m];
            x[i] /= a[i][i];
        }
        for (int i = n - 1; i >= 0; i--) {
            for (int m = i + 1; m < n; m++) x[i] -= a[m][i] * x[m];
            x[i] /= a[i][i];
        }
        return x;
    }
}
