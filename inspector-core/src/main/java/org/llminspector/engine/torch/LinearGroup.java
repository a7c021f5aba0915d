package org.llminspector.engine.torch;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDArrays;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.index.NDIndex;
import ai.djl.ndarray.types.DataType;
import java.util.List;

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

    LinearGroup(List<Linear> parts) {
        boolean join = parts.size() > 1
                && parts.stream().allMatch(p -> p.weight().getDataType() == DataType.FLOAT16)
                && parts.stream().map(p -> p.bias() == null).distinct().count() == 1;
        this.joined = join ? join(parts) : null;
        this.parts = join ? slices(parts) : parts;
        this.bounds = bounds(this.parts);
    }

    /** Parts that are consecutive row views of one matrix. */
    LinearGroup(NDArray joined, List<Linear> parts) {
        this.joined = new Linear(joined, biases(parts), parts.get(0).halfAlways());
        this.parts = parts;
        this.bounds = bounds(parts);
    }

    private static long[] bounds(List<Linear> parts) {
        long[] bounds = new long[parts.size() - 1];
        for (int i = 0; i < bounds.length; i++) {
            bounds[i] = (i == 0 ? 0 : bounds[i - 1])
                    + parts.get(i).weight().getShape().get(0);
        }
        return bounds;
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

    private static Linear join(List<Linear> parts) {
        NDList weights = new NDList(parts.stream().map(Linear::weight).toList());
        return new Linear(
                NDArrays.concat(weights, 0), biases(parts), parts.get(0).halfAlways());
    }

    private static NDArray biases(List<Linear> parts) {
        NDList biases = new NDList();
        parts.forEach(p -> {
            if (p.bias() != null) biases.add(p.bias());
        });
        return biases.isEmpty() ? null : NDArrays.concat(biases, 0);
    }

    /** Views of the joined matrix; the separate copies are freed. */
    private List<Linear> slices(List<Linear> parts) {
        long[] from = {0};
        return parts.stream()
                .map(p -> {
                    long to = from[0] + p.weight().getShape().get(0);
                    NDArray view = joined.weight().get(new NDIndex().addSliceDim(from[0], to));
                    from[0] = to;
                    p.weight().close();
                    return new Linear(view, p.bias(), p.halfAlways());
                })
                .toList();
    }
}
