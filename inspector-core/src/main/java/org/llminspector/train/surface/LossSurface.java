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
public final class LossSurface implements Surface, AutoCloseable {

    private final Learner learner;
    private final float[] centre;
    private final Learner.Plane plane;

    /**
     * @param learner whose weights are the plane's origin
     * @param tokens one sequence, whose mean next-token loss is the height
     * @param alongGradient whether u is the gradient's direction instead of a random one
     */
    public LossSurface(Learner learner, int[] tokens, long seed, boolean alongGradient) {
        this.learner = learner;
        this.centre = learner.weights().toFloats();
        Random random = new Random(seed);
        float[] u = alongGradient ? normalized(gradient(tokens)) : direction(random);
        float[] v = direction(random);
        this.plane = learner.plane(tokens, Tensor.of(u, u.length), Tensor.of(v, v.length))
                .orElseGet(() -> new MovedWeights(learner, tokens, centre, u, v));
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

    @Override
    public double[] values(double[][] points) {
        return plane.losses(points);
    }

    /** With the gradient by all weights projected on the two directions. */
    @Override
    public double[][] slopes(double[][] points) {
        return plane.slopes(points);
    }

    /** The gradient by all weights at the origin. */
    private float[] gradient(int[] tokens) {
        learner.clearGradient();
        float[][] mean = new float[1][tokens.length - 1];
        Arrays.fill(mean[0], 1f / mean[0].length);
        learner.accumulate(new int[][] {tokens}, mean);
        float[] g = learner.gradient().toFloats();
        learner.clearGradient();
        return g;
    }

    @Override
    public void close() {
        plane.close();
    }
}
