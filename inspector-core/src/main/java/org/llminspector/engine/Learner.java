package org.llminspector.engine;

import java.util.List;
import java.util.Optional;
import org.llminspector.base.Problem;
import org.llminspector.base.Tensor;
import org.llminspector.spec.DecoderSpec;

/**
 * A model in training: losses of token sequences, their gradient, and optimizer steps.
 *
 * <p>All weights are in one flat float32 array, and so are the gradient and the optimizer's state. Every call is one
 * task on the engine's thread; other models can run between two calls.
 */
public interface Learner extends AutoCloseable {

    /**
     * Refuses a model that cannot be trained, before anything is allocated.
     *
     * @throws Problem UNSUPPORTED for one with recurrences, per-layer embeddings, or layers that read others' keys
     */
    static void check(DecoderSpec spec) {
        if (spec.layerInputs() != null
                || spec.altUp() != null
                || spec.attentions().anyMatch(a -> a.keysFrom() != null))
            throw Problem.unsupported("the training step has no per-layer embeddings and no shared keys")
                    .where("layer_inputs, alt_up, attention.keys_from")
                    .expected("a model whose layers read the residual stream alone")
                    .found(spec.family());
        if (spec.layers().stream().noneMatch(l -> l.recurrence() != null)) return;
        throw Problem.unsupported("a recurrence cannot be trained here: the training step has no loop over positions")
                .where("layers, recurrence")
                .expected("a model whose layers have attention or short convolutions")
                .found(spec.family());
    }

    /**
     * Next-token losses and hits of a batch.
     *
     * @param nll -ln of the probability of token t + 1 given those up to t, [batch][pos - 1]
     * @param hit whether that token is the most probable one
     */
    record Scores(float[][] nll, boolean[][] hit) {}

    /**
     * State of an optimizer.
     *
     * @param step updates made
     * @param first the running mean of the gradient (momentum's buffer), flat
     * @param second the running mean of the squared gradient, flat
     */
    record State(long step, Tensor first, Tensor second) {}

    /**
     * Mean next-token loss of one sequence over a plane through the present weights: w + x u + y v. Points are {x, y};
     * the learner's weights must stay as they are meanwhile.
     */
    interface Plane extends AutoCloseable {

        /** The loss at each point. */
        double[] losses(double[][] points);

        /** The loss, its slope by x and its slope by y at each point. */
        double[][] slopes(double[][] points);

        @Override
        void close();
    }

    LearnerInfo info();

    /** Sets the number of threads per operation on a CPU; another number changes the last bits of sums. */
    void setThreads(int threads);

    DecoderSpec spec();

    /** Every weight in the flat arrays, in order. */
    List<Parameter> parameters();

    /** Scores sequences of equal length, without a gradient. */
    Scores score(int[][] tokens);

    /**
     * Scores sequences of equal length and adds to the accumulated gradient that of the sum over all positions of
     * weight times nll.
     *
     * @param weights [batch][pos - 1]; 1 / count makes the usual mean, 0 leaves a position out
     */
    default Scores accumulate(int[][] tokens, float[][] weights) {
        return accumulate(tokens, weights, new int[tokens.length][0][]);
    }

    /**
     * The same with soft targets: where several tokens are known to be possible, the cross entropy is with all of them
     * in equal parts; the scores are those of the actual token.
     *
     * @param choices token ids, one per equal part, null where only the actual token is known; a row may be shorter
     *     than its sequence, [batch][pos - 1][part]
     */
    Scores accumulate(int[][] tokens, float[][] weights, int[][][] choices);

    /**
     * A plane whose points are computed many at once, where this model's can be.
     *
     * @param u direction by x, [parameters]; 0 for vectors, like v
     */
    Optional<Plane> plane(int[] tokens, Tensor u, Tensor v);

    /** The gradient accumulated since the last update, flat. */
    Tensor gradient();

    /** Clears the accumulated gradient. */
    void clearGradient();

    /** Clears one parameter's gradient. */
    void clearGradient(Parameter parameter);

    /**
     * Makes one optimizer step from the accumulated gradient, and clears it.
     *
     * @param maxNorm clips the gradient to this L2 norm; infinity for no clipping
     * @return the gradient's norm before clipping
     */
    double update(Optimizer optimizer, double learningRate, double maxNorm);

    /** Updates made. */
    long step();

    /** A copy of all weights, flat. */
    Tensor weights();

    void setWeights(Tensor flat);

    State state();

    void setState(State state);

    @Override
    void close();
}
