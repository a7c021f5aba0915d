package org.llminspector.analysis.reduce;

import org.llminspector.analysis.reduce.state.Mergeable;
import org.llminspector.base.Tensor;

/** State that a sweep of two models keeps of both outputs; the same law as {@link Reducer}'s. */
public interface PairReducer extends Mergeable {

    /**
     * Adds both outputs for a batch.
     *
     * @param a logits of A, float32 [batch, pos, vocab], valid during the call
     * @param b logits of B
     */
    void add(WindowBatch batch, Tensor a, Tensor b);

    /** Most bytes of the state's tensors after this many windows. */
    long bytes(long windows);
}
