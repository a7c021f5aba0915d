package org.llminspector.engine.torch;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDArrays;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.index.NDIndex;
import ai.djl.ndarray.types.Shape;
import ai.djl.ndarray.types.SparseFormat;
import java.util.ArrayList;
import java.util.List;
import org.llminspector.engine.layer.Routes;
import org.llminspector.spec.Experts;

/** Routing of a pass: rows sorted by expert, in one part, so that each expert processes all its rows in one product. */
final class ArrayRoutes implements Routes<NDArray> {

    /** The rows [from, to) of one expert. */
    private record ExpertRange(int expert, long from, long to) {}

    private final ExpertMatrices matrices;
    private final long batch;
    private final long positions; // of all rows
    private final long slots;
    private final List<ExpertRange> expertRanges = new ArrayList<>();
    private final NDArray position; // [row]: the row's position, among those of the whole batch
    private final NDArray order; // [row]: the row's slot among those of all positions
    private final NDArray place; // [slot of all positions]: the slot's row

    /**
     * @param chosen expert of each slot, position by position, row after row
     * @param batch number of rows
     */
    ArrayRoutes(ExpertMatrices matrices, NDManager manager, long[] chosen, Experts experts, long batch) {
        this.matrices = matrices;
        this.batch = batch;
        this.slots = experts.active();
        this.positions = chosen.length / slots;
        int[] next = new int[experts.count() + 1];
        for (long e : chosen) next[(int) e + 1]++;
        for (int e = 0; e < experts.count(); e++) {
            if (next[e + 1] > 0) expertRanges.add(new ExpertRange(e, next[e], (long) next[e] + next[e + 1]));
            next[e + 1] += next[e];
        }
        long[] sorted = new long[chosen.length];
        long[] places = new long[chosen.length];
        long[] positionOf = new long[chosen.length];
        for (int s = 0; s < chosen.length; s++) {
            int at = next[(int) chosen[s]]++;
            sorted[at] = s;
            positionOf[at] = s / slots;
            places[s] = at;
        }
        position = owned(manager, positionOf);
        order = owned(manager, sorted);
        place = owned(manager, places);
    }

    /** A copy in libtorch's memory: a backward pass reads it after the Java array is freed. */
    private static NDArray owned(NDManager manager, long[] values) {
        try (NDArray here = manager.create(values)) {
            return here.duplicate();
        }
    }

    @Override
    public List<NDArray> sent(NDArray x) {
        return List.of(rows(x, position));
    }

    @Override
    public List<List<NDArray>> linears(List<NDArray> rows, String experts, List<String> modules) {
        List<NDList> out = modules.stream().map(m -> new NDList()).toList();
        for (ExpertRange r : expertRanges) {
            NDArray own = rows.get(0).get(new NDIndex().addAllDim().addSliceDim(r.from(), r.to()));
            String expert = experts + r.expert() + ".";
            List<String> names = modules.stream().map(m -> expert + m).toList();
            NDArray[] y = matrices.of(names).apply(own);
            for (int m = 0; m < y.length; m++) out.get(m).add(y[m]);
        }
        return out.stream()
                .map(parts -> List.of(parts.size() == 1 ? parts.head() : NDArrays.concat(parts, 1)))
                .toList();
    }

    @Override
    public NDArray bySlot(List<NDArray> rows, int width) {
        return rows(rows.get(0), place).reshape(new Shape(batch, positions / batch, slots, width));
    }

    @Override
    public List<NDArray> byExpert(NDArray slots, int width) {
        return List.of(rows(slots, order));
    }

    private static NDArray rows(NDArray x, NDArray which) {
        long width = x.getShape().get(x.getShape().dimension() - 1);
        NDArray table = x.reshape(-1, width);
        return which.getNDArrayInternal()
                .embedding(which, table, SparseFormat.DENSE)
                .head()
                .expandDims(0);
    }
}
