package org.llminspector.engine.torch;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import ai.djl.ndarray.types.SparseFormat;
import java.util.ArrayList;
import java.util.List;

/** Routing of a pass: slots sorted by expert, so that each expert processes all its positions in one product. */
final class Routes {

    /** The slots [from, to) of one expert in expert order. */
    record ExpertRange(int expert, long from, long to) {}

    private final long positions;
    private final long slots;
    private final List<ExpertRange> expertRanges = new ArrayList<>();
    private final NDArray position; // [slot of all positions], in expert order: the slot's position
    private final NDArray order; // likewise: the slot's index
    private final NDArray place; // [slot of all positions]: the slot's index in expert order

    /**
     * @param chosen expert of each slot, position by position
     * @param slots per position
     */
    Routes(NDManager manager, long[] chosen, int slots, int experts) {
        this.positions = chosen.length / slots;
        this.slots = slots;
        int[] next = new int[experts + 1];
        for (long e : chosen) next[(int) e + 1]++;
        for (int e = 0; e < experts; e++) {
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

    List<ExpertRange> expertRanges() {
        return expertRanges;
    }

    /** [1, pos, width] to one row per slot in expert order, [1, slot, width]. */
    NDArray sent(NDArray x) {
        return rows(x, position);
    }

    /** [1, pos, slot, width] to expert order, [1, slot, width]. */
    NDArray gather(NDArray bySlot) {
        return rows(bySlot, order);
    }

    /** Expert order, [1, slot, width], to [1, pos, slot, width]. */
    NDArray bySlot(NDArray together) {
        return rows(together, place).reshape(new Shape(1, positions, slots, -1));
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
