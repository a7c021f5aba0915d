package org.llminspector.engine;

import java.util.List;
import java.util.SortedSet;
import java.util.function.BiConsumer;
import org.llminspector.base.Problem;
import org.llminspector.base.Tensor;
import org.llminspector.capture.Capture;
import org.llminspector.hook.HookId;

/** Session is one sequence running through a model, with its KV cache and its captures so far. */
public interface Session extends AutoCloseable {

    /**
     * Runs these tokens after those already seen, capturing and intervening as the request said.
     *
     * @return logits of the last position, [vocab]
     */
    float[] append(int[] tokens);

    /** Which of the engine's forms runs this sequence: {@code hooked} or {@code fused}. */
    default String form() {
        return "hooked";
    }

    /** Positions seen so far. */
    int length();

    KvCacheReport kvCache();

    /**
     * The cache of the first positions, copied out of the engine, or null where it cannot be: where it lies on a GPU, in a format
     * of fewer bits, or where short convolutions kept what is of the last positions only and fewer are asked for.
     */
    default KvPrefix prefix(int positions) {
        return null;
    }

    /**
     * Runs these tokens as {@link #append} does, in the hooked form, and says how long each part of the work took, in the
     * order in which data flows. Nothing is captured or changed.
     *
     * @throws Problem UNSUPPORTED where the engine cannot tell its parts apart
     */
    default List<PartTime> timed(int[] tokens) {
        throw untimed();
    }

    /** What a person hears who asks for times of parts where there are none. */
    static Problem untimed() {
        return Problem.unsupported("ONNX Runtime runs a graph whole: its parts cannot be timed apart")
                .where("engine")
                .expected("torch")
                .found("onnx")
                .instead("ask again with engine torch; how long a whole token takes is timed on every engine");
    }

    /**
     * Runs these tokens, the first of the sequence, for the values alone: each is shown as it comes, over all positions, and
     * lasts for that call. So of a long text the values of one layer need room at a time. The session ends with it.
     *
     * @return false where the engine has its values only when all are there; then nothing was run
     */
    default boolean visit(int[] tokens, SortedSet<HookId> hooks, BiConsumer<HookId, Tensor> visitor) {
        return false;
    }

    /** Everything captured so far, over all positions seen; patterns and scores are padded to [query, key]. */
    Capture capture();

    /** Milliseconds spent so far on copying captured values out of the engine. */
    double captureMs();

    @Override
    void close();
}
