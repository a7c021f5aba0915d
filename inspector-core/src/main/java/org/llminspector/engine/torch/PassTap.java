package org.llminspector.engine.torch;

import ai.djl.ndarray.NDArray;
import org.llminspector.engine.layer.Tap;
import org.llminspector.hook.HookPoint;

/** Tap of one pass over a sequence, which also says which form of the decoder it needs and when the pass may end. */
interface PassTap extends Tap<NDArray> {

    /** Whether any value inside a layer is captured or changed; the residual stream between layers does not count. */
    default boolean seesInside() {
        return true;
    }

    @Override
    default boolean wants(HookPoint point, int layer) {
        return false;
    }

    @Override
    default boolean changes(HookPoint point, int layer) {
        return false;
    }

    /** Whether nothing after this layer is wanted: the pass then ends here, without logits. */
    default boolean enough(int layer) {
        return false;
    }
}
