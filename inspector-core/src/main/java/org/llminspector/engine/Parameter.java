package org.llminspector.engine;

import java.util.List;
import org.llminspector.base.Tensor;

/**
 * Name, shape and place of one weight in the flat array of all weights.
 *
 * @param name canonical, as {@link org.llminspector.family.Weights} lists them
 * @param offset in elements
 */
public record Parameter(String name, List<Long> shape, long offset) {

    public Parameter {
        shape = List.copyOf(shape);
    }

    public long size() {
        return shape.stream().reduce(1L, Math::multiplyExact);
    }

    /** Whether it is a matrix. Weight decay applies to matrices, not to vectors and norms. */
    public boolean isMatrix() {
        return shape.size() > 1;
    }

    /** A view of this weight's part of a flat float32 array. */
    public Tensor of(Tensor flat) {
        long[] to = shape.stream().mapToLong(Long::longValue).toArray();
        return flat.rows(Math.toIntExact(offset), Math.toIntExact(offset + size()))
                .reshaped(to);
    }
}
