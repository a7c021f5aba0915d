package org.llminspector.engine.torch.libtorch;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.NDScope;
import java.util.HashMap;
import java.util.Map;

/**
 * Cache of scalar NDArrays: DJL makes a new array for a Java number in each operation, which costs three times the
 * operation itself, and whose memory is freed before a backward pass reads it.
 */
public final class Scalars {

    private final NDManager manager;
    private final Map<Float, NDArray> made = new HashMap<>();

    public Scalars(NDManager manager) {
        this.manager = manager;
    }

    /** A float32 array of no axes. */
    public NDArray of(double value) {
        return made.computeIfAbsent((float) value, v -> {
            NDArray scalar = manager.create(v);
            NDScope.unregister(scalar);
            return scalar;
        });
    }
}
