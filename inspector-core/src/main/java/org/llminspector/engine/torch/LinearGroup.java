package org.llminspector.engine.torch;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDArrays;
import ai.djl.ndarray.NDList;
import java.util.List;
import java.util.Objects;

/**
 * Matrices that read the same input (q, k, v; gate, in).
 *
 * <p>FP16 copies are joined row-wise, so that the input is converted once and one product computes all: decoding then
 * has fewer calls. FP32 matrices stay mapped from the file.
 */
final class LinearGroup {

    private final List<Linear> parts;
    private final Linear joined; // null when the parts are separate
    private final long[] bounds; // first row of each part but the first

    /** @param joined the matrix whose consecutive rows the parts view; null when they are separate */
    LinearGroup(NDArray joined, List<Linear> parts) {
        this.joined = joined == null
                ? null
                : new Linear(joined, biases(parts), parts.get(0).halfAlways());
        this.parts = parts;
        this.bounds = new long[parts.size() - 1];
        for (int i = 0; i < bounds.length; i++) {
            bounds[i] = (i == 0 ? 0 : bounds[i - 1])
                    + parts.get(i).weight().getShape().get(0);
        }
    }

    List<Linear> parts() {
        return parts;
    }

    /** The joined matrix, or null when the parts are separate. */
    Linear joined() {
        return joined;
    }

    /** One output [batch, pos, out] per part. */
    NDArray[] apply(NDArray x) {
        if (joined == null) return parts.stream().map(p -> p.apply(x)).toArray(NDArray[]::new);
        NDArray all = joined.apply(x); // [batch, pos, sum of outs]
        return all.split(bounds, 2).toArray(NDArray[]::new);
    }

    private static NDArray biases(List<Linear> parts) {
        NDList biases = new NDList(
                parts.stream().map(Linear::bias).filter(Objects::nonNull).toList());
        return biases.isEmpty() ? null : NDArrays.concat(biases, 0);
    }
}
