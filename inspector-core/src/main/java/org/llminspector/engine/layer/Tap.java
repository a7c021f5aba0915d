package org.llminspector.engine.layer;

import org.llminspector.engine.Part;
import org.llminspector.hook.HookPoint;

/**
 * Callback for every hooked value of a forward pass: it may capture the value and may return another.
 *
 * @param <V> a back end's value
 */
public interface Tap<V> {

    /** Captures and changes nothing. */
    static <V> Tap<V> none() {
        return new Tap<>() {
            @Override
            public boolean wants(HookPoint point, int layer) {
                return false;
            }

            @Override
            public boolean changes(HookPoint point, int layer) {
                return false;
            }

            @Override
            public V at(HookPoint point, int layer, V value) {
                return value;
            }
        };
    }

    /** Whether the value is captured or changed; costly values are computed only then. */
    boolean wants(HookPoint point, int layer);

    /** Whether the value is changed, so that later values must be computed from it. */
    boolean changes(HookPoint point, int layer);

    /** Returns the value to continue with. */
    V at(HookPoint point, int layer, V value);

    /** The same, but one hook passes it by. */
    default Tap<V> without(HookPoint other) {
        Tap<V> all = this;
        return new Tap<>() {
            @Override
            public boolean wants(HookPoint point, int layer) {
                return point != other && all.wants(point, layer);
            }

            @Override
            public boolean changes(HookPoint point, int layer) {
                return point != other && all.changes(point, layer);
            }

            @Override
            public V at(HookPoint point, int layer, V value) {
                return point == other ? value : all.at(point, layer, value);
            }

            @Override
            public V changed(HookPoint point, int layer, V value) {
                return point == other ? value : all.changed(point, layer, value);
            }

            @Override
            public void see(HookPoint point, int layer, V value) {
                if (point != other) all.see(point, layer, value);
            }

            @Override
            public void ends(Part part, int layer) {
                all.ends(part, layer);
            }
        };
    }

    /** The value after its changes, without capturing it. */
    default V changed(HookPoint point, int layer, V value) {
        return value;
    }

    /** Captures a value that already has its changes. */
    default void see(HookPoint point, int layer, V value) {}

    /**
     * What changes, which are {@code factor * value + summand}, make of zeros and of ones.
     *
     * @param ofOnes null where the factor is 1
     */
    record Affine<V>(V ofZeros, V ofOnes) {}

    /**
     * The changes of a value that is made position by position, so that they are known before it; none of them reads
     * other positions.
     */
    default Affine<V> affine(HookPoint point, int layer, V zeros, V ones) {
        return new Affine<>(changed(point, layer, zeros), changed(point, layer, ones));
    }

    /** Called at the end of a part that does not end with a hooked value. */
    default void ends(Part part, int layer) {}
}
