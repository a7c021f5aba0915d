package org.llminspector.engine.torch;

import ai.djl.ndarray.NDArray;
import org.llminspector.engine.Part;
import org.llminspector.hook.HookPoint;

/** Tap is where every named value passes on its way: it may keep it, and may hand back another. */
interface Tap {

    /** Lets everything pass. */
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

    /** Whether any value inside a layer is captured or changed; the residual stream between two layers is not inside. */
    boolean seesInside();

    /** Whether the value is changed, so that what follows must be made from it. */
    boolean changes(HookPoint point, int layer);

    /** Whether the value is captured or changed, so that costly ones are made only then. */
    boolean wants(HookPoint point, int layer);

    /** Hears that a part of the work is done which no value of its own ends. */
    default void ends(Part part, int layer) {}

    /** Whether nothing that comes after this layer is wanted: the pass ends there, without logits. */
    default boolean enough(int layer) {
        return false;
    }

    /** The value to go on with. */
    NDArray at(HookPoint point, int layer, NDArray value);
}
