package org.llminspector.engine.torch;

import ai.djl.ndarray.NDArray;
import org.llminspector.engine.Part;
import org.llminspector.hook.HookPoint;

/** Callback for every hooked value of a forward pass: it may capture the value and may return another. */
interface Tap {

    /** Captures and changes nothing. */
    Tap NONE = new Tap() {
        @Override
        public boolean wants(HookPoint point, int layer) {
            return false;
        }

        @Override
        public boolean seesInside() {
            return false;
        }

        @Override
        public boolean changes(HookPoint point, int layer) {
            return false;
        }

        @Override
        public NDArray at(HookPoint point, int layer, NDArray value) {
            return value;
        }
    };

    /** Whether any value inside a layer is captured or changed; the residual stream between layers does not count. */
    public boolean seesInside();

    /** Whether the value is changed, so that later values must be computed from it. */
    public boolean changes(HookPoint point, int layer);

    /** Whether the value is captured or changed; costly values are computed only then. */
    public boolean wants(HookPoint point, int layer);

    /** Called at the end of a part that does not end with a hooked value. */
    default void ends(Part part, int layer) {}

    /** Whether nothing after this layer is wanted: the pass then ends here, without logits. */
    default boolean enough(int layer) {
        return false;
    }

    /** Returns the value to continue with. */
    public NDArray at(HookPoint point, int layer, NDArray value);
}
