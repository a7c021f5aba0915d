package org.llminspector.engine.layer;

import java.util.List;
import org.llminspector.hook.HookPoint;
import org.llminspector.spec.Attention;
import org.llminspector.spec.Experts;
import org.llminspector.spec.Norm;
import org.llminspector.spec.QueryScale;
import org.llminspector.spec.Rope;

/**
 * The operations that a decoder is written in; a back end implements them on its own values.
 *
 * <p>A value is an array, the name of one in a TorchScript method, or the name of one in an ONNX graph. Every operation
 * returns float32, but for indices.
 *
 * @param <V> a value; shapes below are its axes, outermost first. The first one is the batch: 1 of a sequence, as written
 *     below, or the rows of an engine's {@code Batch}
 */
public interface Ops<V> {

    /** Functions of one number. */
    enum Fn {
        RELU,
        /** x times the normal distribution's cumulative probability of x, by erf (Hendrycks and Gimpel 2016). */
        GELU,
        /** The same with the tanh approximation of that paper. */
        GELU_TANH,
        SIGMOID,
        TANH,
        SQUARE,
        SQRT,
        /** exp(x) - 1, for x at or below 0. */
        EXPM1,
        EXP,
        /** log(1 + exp(x)). */
        SOFTPLUS
    }

    /** Functions of two numbers. */
    enum Fn2 {
        ADD,
        SUB,
        MUL,
        DIV,
        MIN
    }

    /** The end of an axis, as a bound of {@link #slice}. */
    long END = Long.MAX_VALUE;

    // Weights, by the canonical names of family.Weights.

    /** Whether the model has this weight. */
    boolean has(String name);

    /** A weight's values. */
    V weight(String name);

    /** A constant. */
    V number(double value);

    // Products.

    /** {@code x W^T + b} with the module's weight and bias, in its precision: [.., in] to [.., out]. */
    V linear(V x, String module);

    /** Several modules that read the same input, one output each. */
    List<V> linears(V x, List<String> modules);

    /** The same as {@link #linear} in float32 whatever the precision: for routers, gates and embedding projections. */
    V exact(V x, String module);

    /** The weight [out, in] of a module as {@link #linear} multiplies with it. */
    V matrix(String module);

    /** Products of matrices, [.., m, k] and [.., k, n] to [.., m, n]. */
    V matmul(V a, V b);

    // Arithmetic, element by element; a shape with sizes of 1, or a number, is broadcast.

    V apply(Fn f, V x);

    V apply(Fn2 f, V a, V b);

    default V add(V a, V b) {
        return apply(Fn2.ADD, a, b);
    }

    default V sub(V a, V b) {
        return apply(Fn2.SUB, a, b);
    }

    default V mul(V a, V b) {
        return apply(Fn2.MUL, a, b);
    }

    default V div(V a, V b) {
        return apply(Fn2.DIV, a, b);
    }

    default V min(V a, V b) {
        return apply(Fn2.MIN, a, b);
    }

    V clip(V x, double least, double most);

    /** a where x is above the threshold, else b. */
    V whereAbove(V x, double threshold, V a, V b);

    // Sums over one axis.

    /** Over an axis, which is left out. */
    V sum(V x, int axis);

    /** Over the last axis, which stays with size 1. */
    V mean(V x);

    /** Over the last axis. */
    V softmax(V x);

    // Shapes.

    /** A size of 0 keeps the axis of that index, -1 is inferred. */
    V reshape(V x, long... sizes);

    V transpose(V x, int... axes);

    V concat(int axis, List<V> parts);

    /** The elements [from, to) of an axis; a negative bound counts from the end, {@link #END} is the end. */
    V slice(V x, int axis, long from, long to);

    /** x with these axes, of size 1, repeated as often as {@code like} has elements on them. */
    V expand(V x, V like, int... axes);

    /** [1, pos, head * width] to [1, pos, head, width]. */
    V heads(V x, int heads, int width);

    /** [1, pos, head, width] to [1, pos, head * width]. */
    V flat(V x, int heads, int width);

    // Choices among experts.

    /** The highest of the last axis, best first: values and indices. */
    List<V> topK(V x, int k);

    /** Elements of the last axis of x by their indices. */
    V gather(V x, V indices);

    /** 1 at each index, [.., k] to [.., k, count]. */
    V oneHot(V indices, int count);

    /** Indices as numbers. */
    V asNumbers(V indices);

    V asIndices(V numbers);

    /** Rows sorted by the experts that they are sent to. */
    Routes<V> routes(V indices, Experts experts);

    // Positions.

    /** Rows of the embedding, [1, pos] to [1, pos, d_embed]. */
    V embedding(V ids);

    /** Rows of another table with one row per token, [1, pos] to [1, pos, width]; a token beyond its rows reads row 0. */
    V rows(String table, V ids);

    /** The learned vectors of the pass's positions, the same in each row of a batch, [batch, pos, d_model]. */
    V positions();

    /** Rotates the first dimensions of [1, pos, head, width] by their positions' angles; the others stay. */
    V rotate(V x, Rope rope, int width);

    /** Factors of the pass's positions, [pos, 1, 1]. */
    V queryScale(QueryScale scale);

    /** Scores [1, head, query, key] with ALiBi's biases added, and -inf where a query may not attend. */
    V masked(V scores, Attention a);

    // The cache.

    /** Whether keys and values of each head are cached with latent attention, not the vector behind them. */
    boolean cachesHeads(int layer);

    /** Caches keys [1, pos, head, width]; returns all so far, [1, head, key, width], as the cache's format has them. */
    V keys(int layer, V k);

    V values(int layer, V v);

    /** The keys that {@link #keys} returned for a layer before, in this pass: [1, head, key, width]. */
    V keysOf(int layer);

    V valuesOf(int layer);

    /** Prepends a convolution's state to [1, pos, d_model] and stores the new one: [1, past + pos, d_model]. */
    V withState(int layer, V x, int past);

    /** 1 at the sequence's first position, else 0: [1, pos]. */
    V firstPosition();

    /** A step of a recurrence: from the state before a position and its slices to the state after it and more values. */
    @FunctionalInterface
    interface Step<V> {
        List<V> at(V state, List<V> now);
    }

    /** The state of a layer's recurrence before the pass, [1, head, d_head, d_state]. */
    V state(int layer);

    /** Keeps the state after the pass. */
    void keepState(int layer, V state);

    /**
     * Runs a recurrence over the second axis of values.
     *
     * @param over values [1, pos, ..], of which each step sees one position, [1, ..]
     * @return the state after the last position, and the values that each step returned after the state, of all
     *     positions: [1, pos, ..] each
     */
    List<V> scan(V state, List<V> over, Step<V> step);

    /** A computation of several values from others. */
    @FunctionalInterface
    interface Values<V> {
        List<V> of(List<V> reads);
    }

    /** One of two computations of the same shapes: the second where the pass has at least this many positions. */
    List<V> byLength(int least, List<V> reads, Values<V> few, Values<V> many);

    /** [1, pos, ..] with zeros after it, up to a multiple of a size. */
    V padded(V x, int multiple);

    /** The first positions of x, as many as {@code like} has. */
    V trimmed(V x, V like);

    /** 0, 1, .. as numbers, [count]. */
    V count(int count, V like);

    // Compositions of the others, of which a back end may have a faster form without the hooks inside: PlainOps.

    /** A norm over the last axis, of this width, without hooks inside. */
    V norm(V x, Norm norm, String module, int width);

    /** A norm whose divisor [.., 1] and normalized value pass the tap. */
    V norm(V x, Norm norm, String module, int width, HookPoint scale, HookPoint normalized, int layer, Tap<V> tap);

    /** x sigmoid(beta x) (Ramachandran et al. 2017). */
    V swish(V x, double beta);

    /**
     * A causal convolution of each feature by itself, [1, pos, d_model] to the same, with the module's kernel [width,
     * d_model] and bias.
     */
    V convolve(int layer, V x, String module, int width);

    /**
     * Scores, softmax and the weighted sum of values.
     *
     * @param q rotated queries, [1, pos, head, d_head]
     * @param k rotated keys of all positions so far, [1, kv_head, key, d_head]
     * @param v [1, kv_head, key, d_value]
     * @return [1, pos, head, d_value]
     */
    V attend(int layer, Attention a, V q, V k, V v, Tap<V> tap);

    /**
     * Latent attention from what the cache keeps.
     *
     * @param q rotated queries, [1, pos, head, d_head]
     * @param shared keys that all heads share, rotated, [1, 1, key, d_shared]
     * @param latent [1, 1, key, d_latent]
     * @return [1, pos, head, d_value]
     */
    V attendLatent(int layer, Attention a, String module, V q, V shared, V latent, Tap<V> tap);
}
