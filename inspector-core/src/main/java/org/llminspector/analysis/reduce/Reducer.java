package org.llminspector.analysis.reduce;

import java.util.SortedMap;
import java.util.SortedSet;
import java.util.function.Function;
import org.llminspector.base.Tensor;
import org.llminspector.hook.HookId;

/** State that a sweep keeps of hooked values: batches of windows are added to it, and it merges with others. */
public interface Reducer {

    /** Hooks that it reads. */
    SortedSet<HookId> hooks();

    /**
     * Adds the value of one hook; a batch's hooks come in the order in which data flows.
     *
     * @param value float32 [batch, pos, ...] or [batch, head, query, key], valid during the call
     */
    void add(WindowBatch batch, HookId hook, Tensor value);

    /** Ends a batch, after its last hook. */
    default void end(WindowBatch batch) {}

    /**
     * The state, as tensors F64, I64, I32 or F32 by names such as {@code moments/blocks.0.mlp.hook_post/mean}: copies,
     * which later values do not change. What nothing was added to is missing.
     */
    SortedMap<String, Tensor> state();

    /**
     * Adds another reducer's state, of windows after those of this one.
     *
     * @param later gives its tensors by name, null for a name that it lacks
     */
    void merge(Function<String, Tensor> later);

    /** Most bytes of the state's tensors after this many windows of this many positions. */
    long bytes(long windows, int positions);
}
