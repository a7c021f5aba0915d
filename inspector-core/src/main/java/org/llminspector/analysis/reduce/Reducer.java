package org.llminspector.analysis.reduce;

import java.util.SortedSet;
import org.llminspector.analysis.reduce.state.Mergeable;
import org.llminspector.base.Tensor;
import org.llminspector.hook.HookId;

/** State that a sweep keeps of hooked values: batches of windows are added to it, and it merges with others. */
public interface Reducer extends Mergeable {

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

    /** Most bytes of the state's tensors after this many windows of this many positions. */
    long bytes(long windows, int positions);
}
