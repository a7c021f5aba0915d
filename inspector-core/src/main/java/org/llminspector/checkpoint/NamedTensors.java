package org.llminspector.checkpoint;

import org.llminspector.base.Tensor;

/** Tensors by the names that they have in a model's files. */
public interface NamedTensors {

    /** The tensor, which must have this shape. */
    Tensor get(String name, long... shape);

    /**
     * Rows of a tensor in MXFP4, with leading axes merged into rows: {@code take} of them, every {@code step}-th from
     * {@code first} on.
     */
    Tensor packedRows(String name, int first, int step, int take);
}
