package org.llminspector.train.surface;

import java.util.Arrays;
import java.util.stream.Stream;
import org.llminspector.base.Tensor;
import org.llminspector.engine.Learner;

/** A plane through the weights of any learner: point after point is written over them. */
final class MovedWeights implements Learner.Plane {

    private final Learner learner;
    private final int[][] tokens;
    private final float[] origin;
    private final float[] u;
    private final float[] v;

    MovedWeights(Learner learner, int[] tokens, float[] origin, float[] u, float[] v) {
        this.learner = learner;
        this.tokens = new int[][] {tokens};
        this.origin = origin;
        this.u = u;
        this.v = v;
    }

    private void moveTo(double[] point) {
        float[] at = new float[origin.length];
        for (int i = 0; i < at.length; i++) at[i] = (float) (origin[i] + point[0] * u[i] + point[1] * v[i]);
        learner.setWeights(Tensor.of(at, at.length));
    }

    @Override
    public double[] losses(double[][] points) {
        return Stream.of(points)
                .mapToDouble(point -> {
                    moveTo(point);
                    return mean(learner.score(tokens));
                })
                .toArray();
    }

    @Override
    public double[][] slopes(double[][] points) {
        return Stream.of(points).map(this::slope).toArray(double[][]::new);
    }

    private double[] slope(double[] point) {
        moveTo(point);
        learner.clearGradient();
        float[][] shares = new float[1][tokens[0].length - 1];
        Arrays.fill(shares[0], 1f / shares[0].length);
        double[] slope = {mean(learner.accumulate(tokens, shares)), 0, 0};
        float[] g = learner.gradient().toFloats();
        learner.clearGradient();
        for (int i = 0; i < g.length; i++) {
            slope[1] += (double) g[i] * u[i];
            slope[2] += (double) g[i] * v[i];
        }
        return slope;
    }

    private static double mean(Learner.Scores scores) {
        double sum = 0;
        for (float nll : scores.nll()[0]) sum += nll;
        return sum / scores.nll()[0].length;
    }

    /** The learner has the plane's origin again. */
    @Override
    public void close() {
        learner.setWeights(Tensor.of(origin, origin.length));
    }
}
