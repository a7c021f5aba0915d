package org.llminspector.engine.torch;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import ai.djl.ndarray.types.SparseFormat;
import java.util.ArrayList;
import java.util.List;

/**
 * Routes say which expert each slot of each position went to: the slots of one expert are brought together, so that each
 * expert reads all that is meant for it in one product.
 */
final class Routes {

    /** Stretch is the slots [from, to) of one expert, in the order of experts. */
    record Stretch(int expert, long from, long to) {}

    private final long positions;
    private final long slots;
    private final List<Stretch> stretches = new ArrayList<>();
    private final NDArray position; // [slot of all positions], in the order of experts: whose it is
    private final NDArray order; // the same: which slot it is
    private final NDArray place; // [slot of all positions]: where in that order it is

    /**
     * @param chosen an expert a slot, position by position
     * @param slots of a position
     */
    Routes(NDManager manager, long[] chosen, int slots, int experts) {
        this.positions = chosen.length / slots;
        this.slots = slots;
        int[] next = new int[experts + 1];
        for (long e : chosen) next[(int) e + 1]++;
        for (int e = 0; e < experts; e++) {
            if (next[e + 1] > 0) stretches.add(new Stretch(e, next[e], (long) next[e] + next[e + 1]));
            next[e + 1] += next[e];
        }
        long[] sorted = new long[chosen.length];
        long[] places = new long[chosen.length];
        long[] whose = new long[chosen.length];
        for (int s = 0; s < chosen.length; s++) {
            int at = next[(int) chosen[s]]++;
            sorted[at] = s;
            whose[at] = s / slots;
            places[s] = at;
        }
        position = owned(manager, whose);
        order = owned(manager, sorted);
        place = owned(manager, places);
    }

    /** In libtorch's own memory: a backward pass still reads it when the Java array is gone. */
    private static NDArray owned(NDManager manager, long[] values) {
        try (NDArray here = manager.create(values)) {
            return here.duplicate();
        }
    }

    List<Stretch> stretches() {
        return stretches;
    }

    /** [1, pos, width] to one row a slot in the order of experts, [1, slot, width]. */
    NDArray sent(NDArray x) {
        return rows(x, position);
    }

    /** [1, pos, slot, width] to the order of experts, [1, slot, width]. */
    NDArray together(NDArray bySlot) {
        return rows(bySlot, order);
    }

    /** The order of experts, [1, slot, width], to [1, pos, slot, width]. */
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
