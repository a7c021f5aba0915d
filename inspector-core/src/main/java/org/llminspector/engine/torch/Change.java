package org.llminspector.engine.torch;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDArrays;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.NDScope;
import ai.djl.ndarray.index.NDIndex;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.llminspector.base.Tensor;
import org.llminspector.capture.Intervention;
import org.llminspector.hook.Axis;
import org.llminspector.hook.HookId;

/** Applies one {@link Intervention} in one sequence: the new value in selected cells, the old one elsewhere. */
final class Change {

    private final Intervention intervention;
    private final Map<HookId, Tensor> source;
    private final NDManager manager;
    private final Map<HookId, NDArray> means = new HashMap<>();

    /**
     * @param source for {@code from} and {@code freeze}: captured values by the hook that they replace
     * @param manager the session's, owner of the means, which outlive a pass
     */
    Change(Intervention intervention, Map<HookId, Tensor> source, NDManager manager) {
        this.intervention = intervention;
        this.source = source;
        this.manager = manager;
    }

    /** The value after this change. */
    NDArray apply(HookId id, NDArray value, int start, int count) {
        NDArray picked = mask(id, value, start);
        NDArray changed =
                switch (intervention.op()) {
                    case ZERO -> value.zerosLike();
                    case MASK -> value.zerosLike().add(Float.NEGATIVE_INFINITY);
                    case SCALE -> value.mul(intervention.value());
                    case MEAN -> value.zerosLike().add(mean(id, value));
                    case ADD -> value.add(operand(id, value, start, count, true));
                    case REPLACE, FREEZE -> operand(id, value, start, count, false);
                };
        if (picked == null) return changed;
        return NDArrays.where(picked.broadcast(value.getShape()), changed, value);
    }

    /** Mean over the first pass's positions, reused in later passes. */
    private NDArray mean(HookId id, NDArray value) {
        return means.computeIfAbsent(id, k -> {
            int axis = id.point().axisIndex(Axis.POS);
            NDArray mean = value.mean(new int[] {axis}, true);
            NDScope.unregister(mean);
            mean.attach(manager);
            return mean;
        });
    }

    /** The intervention's {@code value}, {@code values} or {@code from}, in the value's shape. */
    private NDArray operand(HookId id, NDArray value, int start, int count, boolean add) {
        if (source.containsKey(id)) return fromSource(id, value, start, count, add);
        NDArray base = value.zerosLike();
        if (intervention.values() == null) return base.add(intervention.value());
        int width = (int) value.getShape().get(value.getShape().dimension() - 1);
        float[] row = new float[width];
        List<Integer> features = intervention.features();
        for (int i = 0; i < intervention.values().size(); i++) {
            row[features == null ? i : features.get(i)] =
                    intervention.values().get(i).floatValue();
        }
        return base.add(own(value).create(row));
    }

    /** Another run's value where it has these positions; beyond them the value itself (for ADD, zeros). */
    private NDArray fromSource(HookId id, NDArray value, int start, int count, boolean add) {
        NDArray rest = add ? value.zerosLike() : value;
        int axis = Math.max(id.point().axisIndex(Axis.POS), id.point().axisIndex(Axis.QUERY));
        Tensor tensor = source.get(id);
        int have = (int) Math.min(start + (long) count, tensor.shape()[axis]) - start;
        if (have <= 0) return rest;
        NDArray all = TorchWeights.floats(own(value), tensor);
        NDArray part =
                all.get(slice(axis, start, start + (long) have, all.getShape().dimension()));
        if (id.point().axisIndex(Axis.KEY) >= 0)
            part = fitKeys(part, value.getShape().get(3), rest, have);
        if (have == count) return part;
        NDArray tail = rest.get(slice(axis, have, count, rest.getShape().dimension()));
        return NDArrays.concat(new NDList(part, tail), axis);
    }

    /** Cuts or pads the key axis: keys beyond the source's are masked by causality anyway. */
    private static NDArray fitKeys(NDArray part, long keys, NDArray rest, int have) {
        long there = part.getShape().get(3);
        if (there >= keys) return part.get(slice(3, 0, keys, 4));
        NDArray padding = rest.get(slice(3, there, keys, 4)).get(slice(2, 0, have, 4));
        return NDArrays.concat(new NDList(part, padding), 3);
    }

    private static NDIndex slice(int axis, long from, long to, int rank) {
        NDIndex index = new NDIndex();
        for (int a = 0; a < rank; a++) {
            if (a == axis) index.addSliceDim(from, to);
            else index.addAllDim();
        }
        return index;
    }

    /** A boolean array that broadcasts to the value, true in selected cells; null when all are selected. */
    private NDArray mask(HookId id, NDArray value, int start) {
        NDArray mask = null;
        List<Axis> axes = id.point().axes();
        for (int a = 0; a < axes.size(); a++) {
            boolean[] picked =
                    intervention.picked(axes, a, (int) value.getShape().get(a), start);
            if (picked == null) continue;
            float[] on = new float[picked.length];
            for (int i = 0; i < on.length; i++) on[i] = picked[i] ? 1f : 0f;
            long[] shape = new long[axes.size()];
            java.util.Arrays.fill(shape, 1);
            shape[a] = on.length;
            NDArray axis = own(value).create(on, new Shape(shape));
            mask = mask == null ? axis : mask.mul(axis);
        }
        return mask == null ? null : mask.toType(DataType.BOOLEAN, false);
    }

    private static NDManager own(NDArray value) {
        return value.getManager();
    }
}
