package org.llminspector.analysis.reduce.state;

import java.util.SortedMap;
import java.util.function.Function;
import org.llminspector.base.Tensor;

/** State of windows that merges with that of later windows. */
public interface Mergeable {

    /**
     * The state, as tensors F64, I64, I32 or F32 by names such as {@code moments/blocks.0.mlp.hook_post/mean}: copies,
     * which later values do not change. What nothing was added to is missing.
     */
    SortedMap<String, Tensor> state();

    /**
     * Adds another one's state, of windows after those of this one.
     *
     * @param later gives its tensors by name, null for a name that it lacks
     */
    void merge(Function<String, Tensor> later);
}
