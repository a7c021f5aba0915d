package org.llminspector.engine;

import java.util.List;
import java.util.SortedSet;
import java.util.function.BiConsumer;
import org.llminspector.base.Problem;
import org.llminspector.base.Tensor;
import org.llminspector.capture.Capture;
import org.llminspector.engine.cache.KvCacheReport;
import org.llminspector.engine.cache.KvPrefix;
import org.llminspector.hook.HookId;

/** One sequence running through a model, with its KV cache and its captures so far. */
public interface Session extends AutoCloseable {

    /**
     * Runs these tokens after those already run, capturing and intervening as the request says.
     *
     * @return logits of the last position, [vocab]
     */
    float[] append(int[] tokens);

    /** The engine's form that runs this sequence: {@code hooked} or {@code fused}. */
    default String form() {
        return "hooked";
    }

    /** Positions run so far. */
    int length();

    KvCacheReport kvCache();

    /**
     * The cache of the first positions, copied out of the engine; null where the cache is not in fp32 or (on ONNX
     * Runtime) on a GPU, or where the model has short convolutions, whose state exists for the last position only, and
     * fewer positions are requested.
     */
    default KvPrefix prefix(int positions) {
        return null;
    }

    /**
     * Runs these tokens as {@link #append} does, in the hooked form, and measures the time of each part, in the order
     * in which data flows. Nothing is captured or changed.
     *
     * @throws Problem UNSUPPORTED where the engine cannot time its parts separately
     */
    default List<PartTime> timed(int[] tokens) {
        throw untimed();
    }

    /** The Problem for a request of part times where there are none. */
    static Problem untimed() {
        return Problem.unsupported("ONNX Runtime runs a graph whole: its parts cannot be timed apart")
                .where("engine")
                .expected("torch")
                .found("onnx")
                .instead("ask again with engine torch; how long a whole token takes is timed on every engine");
    }

    /**
     * Runs these tokens, the first of the sequence, only for hooked values: each is passed to the visitor as it is
     * computed, over all positions, and is valid during that call only. So a long text needs memory for one layer's
     * values at a time. The session must not be used afterwards.
     *
     * @return false where the engine has values only after the whole pass; then nothing was run
     */
    default boolean visit(int[] tokens, SortedSet<HookId> hooks, BiConsumer<HookId, Tensor> visitor) {
        return false;
    }

    /** Everything captured so far, over all positions run; patterns and scores are padded to [query, key]. */
    Capture capture();

    /** Milliseconds spent so far copying captured values out of the engine. */
    double captureMs();

    @Override
    void close();
}
