package org.llminspector.engine.torch;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDArrays;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.NDScope;
import ai.djl.ndarray.types.Shape;
import java.util.BitSet;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.function.IntFunction;
import org.llminspector.base.Tensor;
import org.llminspector.capture.ChangedCells;
import org.llminspector.capture.Intervention;
import org.llminspector.engine.SessionRequest;
import org.llminspector.hook.Axis;
import org.llminspector.hook.HookId;
import org.llminspector.spec.DecoderSpec;

/** Applies one {@link Intervention} at one hook in one sequence or batch: the new value in selected cells, the old one elsewhere. */
final class Change {

    private final Intervention intervention;
    private final HookId id;
    private final Tensor source;
    private final NDManager manager;
    private final BitSet rows;
    private NDArray mean; // null until needed

    /**
     * @param source for {@code from} and {@code freeze}: the captured value that replaces this one
     * @param manager the session's, owner of the mean, which outlives a pass
     * @param rows of the batch that it changes, or null for all
     */
    Change(Intervention intervention, HookId id, Tensor source, NDManager manager, BitSet rows) {
        this.intervention = intervention;
        this.id = id;
        this.source = source;
        this.manager = manager;
        this.rows = rows;
    }

    /**
     * The changes of a request at each hook, in order.
     *
     * @param rows of the batch that an intervention changes, null for all
     */
    static Map<HookId, List<Change>> all(
            SessionRequest request, DecoderSpec spec, NDManager manager, IntFunction<BitSet> rows) {
        Map<HookId, List<Change>> changes = new HashMap<>();
        request.changes(spec)
                .forEach((id, indices) -> changes.put(
                        id,
                        indices.stream()
                                .map(i -> new Change(
                                        request.interventions().get(i),
                                        id,
                                        request.source(i, id),
                                        manager,
                                        rows.apply(i)))
                                .toList()));
        return changes;
    }

    /** The value after this change, in a pass that begins at position {@code start}. */
    NDArray apply(NDArray value, int start) {
        long[] shape = value.getShape().getShape();
        ChangedCells cells = new ChangedCells(intervention, id.point(), source, shape, start, rows);
        ChangedCells.Mask mask = cells.mask();
        NDArray picked =
                value.getManager().create(mask.flags(), new Shape(mask.shape())).broadcast(value.getShape());
        NDArray changed =
                switch (intervention.op()) {
                    case ZERO -> value.zerosLike();
                    case MASK -> value.zerosLike().add(Float.NEGATIVE_INFINITY);
                    case SCALE -> value.mul(intervention.value());
                    case MEAN -> mean(value).broadcast(value.getShape());
                    case ADD -> value.add(operand(cells, value));
                    case REPLACE, FREEZE -> operand(cells, value).broadcast(value.getShape());
                    case SCALE_ALONG, CAP_ALONG, ADD_ALONG -> along(value, operand(cells, value), picked);
                };
        return NDArrays.where(picked, changed, value);
    }

    /** @param unit the direction [.., features] */
    private NDArray along(NDArray value, NDArray unit, NDArray picked) {
        int[] features = {value.getShape().dimension() - 1};
        double by = intervention.value();
        NDArray amount = // [.., 1]
                switch (intervention.op()) {
                    case SCALE_ALONG -> value.mul(unit).sum(features, true).mul(by - 1);
                    case CAP_ALONG ->
                        value.mul(unit).sum(features, true).neg().add(by).minimum(0);
                    default ->
                        NDArrays.where(picked, value, value.zerosLike())
                                .norm(features, true)
                                .mul(by);
                };
        return value.add(amount.mul(unit));
    }

    private static NDArray operand(ChangedCells cells, NDArray value) {
        ChangedCells.Operand operand = cells.operand();
        return value.getManager().create(operand.values(), new Shape(operand.shape()));
    }

    /** Mean over the first pass's positions, reused in later passes. */
    private NDArray mean(NDArray value) {
        if (mean == null) {
            mean = value.mean(new int[] {id.point().axisIndex(Axis.POS)}, true);
            NDScope.unregister(mean);
            mean.attach(manager);
        }
        return mean;
    }
}
