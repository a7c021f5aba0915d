package org.llminspector.engine;

import java.util.List;
import org.llminspector.base.Tensor;

/**
 * Parameter is one weight as it lies in a flat array of all a model's weights.
 *
 * @param name canonical, as {@link org.llminspector.family.Weights} lists them
 * @param offset elements before it
 */
public record Parameter(String name, List<Long> shape, long offset) {

    public Parameter {
        shape = List.copyOf(shape);
    }

    public long size() {
        return shape.stream().reduce(1L, Math::multiplyExact);
    }

    /** Whether it is a matrix: those decay, vectors (the norms' weights) do not. */
    public boolean isMatrix() {
        return shape.size() > 1;
    }

    /** This weight's part of a flat float32 array, a view. */
    public Tensor of(Tensor flat) {
        long[] to = shape.stream().mapToLong(Long::longValue).toArray();
        return flat.rows(Math.toIntExact(offset), Math.toIntExact(offset + size()))
                .reshaped(to);
    }
}
