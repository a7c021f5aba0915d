package org.llminspector.train.surface;

import java.util.Arrays;
import java.util.Random;
import org.llminspector.base.Tensor;
import org.llminspector.engine.Learner;
import org.llminspector.engine.Parameter;

/**
 * Loss of a real model on a plane through its weights: w + x u + y v, for two random directions or for the gradient's
 * and a random one.
 *
 * <p>Each row of a direction's matrix has the norm of the weight's row (filter normalization, Li et al. 2018), so that
 * 1 is a step as large as the weights; directions of vectors are 0.
 */
public final class LossSurface implements Surface {

    private final Learner learner;
    private final int[][] tokens;
    private final float[] centre;
    private final float[] u;
    private final float[] v;

    /**
     * @param learner whose weights are the plane's origin; an evaluation leaves those of its point in it
     * @param tokens one sequence, whose mean next-token loss is the height
     * @param alongGradient whether u is the gradient's direction instead of a random one
     */
    public LossSurface(Learner learner, int[] tokens, long seed, boolean alongGradient) {
        this.learner = learner;
        this.tokens = new int[][] {tokens};
        this.centre = learner.weights().toFloats();
        Random random = new Random(seed);
        this.u = alongGradient ? normalized(gradient()) : direction(random);
        this.v = direction(random);
    }

    private float[] direction(Random random) {
        float[] direction = new float[centre.length];
        for (Parameter p : learner.parameters()) {
            if (!p.isMatrix()) continue;
            int from = (int) p.offset();
            for (int i = from; i < from + p.size(); i++) direction[i] = (float) random.nextGaussian();
        }
        return normalized(direction);
    }

    /** Scales each row of a matrix to the norm of the weight's row; vectors become 0. */
    private float[] normalized(float[] direction) {
        for (Parameter p : learner.parameters()) {
            if (!p.isMatrix()) {
                Arrays.fill(direction, (int) p.offset(), (int) (p.offset() + p.size()), 0);
                continue;
            }
            int columns = p.shape().get(1).intValue();
            for (int row = (int) p.offset(); row < p.offset() + p.size(); row += columns) {
                double own = 0;
                double drawn = 0;
                for (int i = row; i < row + columns; i++) {
                    own += (double) centre[i] * centre[i];
                    drawn += (double) direction[i] * direction[i];
                }
                float scale = (float) Math.sqrt(own / Math.max(drawn, 1e-30));
                for (int i = row; i < row + columns; i++) direction[i] *= scale;
            }
        }
        return direction;
    }

    private void moveTo(double x, double y) {
        float[] at = new float[centre.length];
        for (int i = 0; i < at.length; i++) at[i] = (float) (centre[i] + x * u[i] + y * v[i]);
        learner.setWeights(Tensor.of(at, at.length));
    }

    @Override
    public double value(double x, double y) {
        moveTo(x, y);
        double sum = 0;
        float[] nll = learner.score(tokens).nll()[0];
        for (float one : nll) sum += one;
        return sum / nll.length;
    }

    /** The loss' gradient projected on the two directions. */
    @Override
    public double[] gradient(double x, double y) {
        moveTo(x, y);
        float[] g = gradient();
        double alongU = 0;
        double alongV = 0;
        for (int i = 0; i < g.length; i++) {
            alongU += (double) g[i] * u[i];
            alongV += (double) g[i] * v[i];
        }
        return new double[] {alongU, alongV};
    }

    /** The gradient by all weights at the current point. */
    private float[] gradient() {
        learner.clearGradient();
        float[][] mean = new float[1][tokens[0].length - 1];
        Arrays.fill(mean[0], 1f / mean[0].length);
        learner.accumulate(tokens, mean);
        float[] g = learner.gradient().toFloats();
        learner.clearGradient();
        return g;
    }
}
