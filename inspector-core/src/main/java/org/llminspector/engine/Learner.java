package org.llminspector.engine;

import java.util.List;
import org.llminspector.base.Tensor;
import org.llminspector.spec.DecoderSpec;

/**
 * Learner is a model whose weights change: losses of token sequences, their gradient, and updates from it.
 *
 * <p>All weights lie in one flat float32 array, and so do the gradient and the optimizer's state. Every call is one
 * piece of work on the engine's thread; runs of other models go on between two calls.
 */
public interface Learner extends AutoCloseable {

    /**
     * Scores are what a model thought of the tokens that came next.
     *
     * @param nll -ln of the probability of token t + 1 given those up to t, [batch][pos - 1]
     * @param hit whether that token was the most probable one
     */
    record Scores(float[][] nll, boolean[][] hit) {}

    /**
     * State is an optimizer's memory.
     *
     * @param step updates made
     * @param first the mean gradient (momentum's buffer), flat
     * @param second the mean squared gradient, flat
     */
    record State(long step, Tensor first, Tensor second) {}

    LearnerInfo info();

    /** Sets the threads of one operation of this learner on a CPU: sums of another number of threads have other last bits. */
    void setThreads(int threads);

    DecoderSpec spec();

    /** Every weight in the flat arrays, in order. */
    List<Parameter> parameters();

    /** Reads sequences of one length, without a gradient. */
    Scores score(int[][] tokens);

    /**
     * Reads sequences of one length and adds to the gradient that of the sum over all positions of weight times nll.
     *
     * @param weights [batch][pos - 1]; 1 / count makes the usual mean, 0 leaves a position out
     */
    default Scores accumulate(int[][] tokens, float[][] weights) {
        return accumulate(tokens, weights, new int[tokens.length][0][]);
    }

    /**
     * The same, where some tokens are known to be one of several that could have come: the cross entropy is then with all of
     * those in equal parts, and the scores are of the token that came.
     *
     * @param choices ids, one for each of the equal parts, null where only one is known; a row can be shorter than its
     *     sequence, [batch][pos - 1][part]
     */
    Scores accumulate(int[][] tokens, float[][] weights, int[][][] choices);

    /** The gradient accumulated since the last update, flat. */
    Tensor gradient();

    /** Lets the accumulated gradient go. */
    void clearGradient();

    /** Lets one parameter's go: the next update leaves it as it is. */
    void clearGradient(Parameter parameter);

    /**
     * Makes one step against the accumulated gradient, and clears it.
     *
     * @param maxNorm a longer gradient is scaled down to this L2 norm; infinity leaves it
     * @return the gradient's norm before that
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
