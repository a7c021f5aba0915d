package org.llminspector.engine.torch;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDArrays;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.NDScope;
import ai.djl.ndarray.index.NDIndex;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.stream.Stream;
import org.llminspector.engine.cache.KvFormat;
import org.llminspector.engine.cache.KvFormats;
import org.llminspector.engine.cache.KvPrefix;
import org.llminspector.engine.cache.KvShape;
import org.llminspector.engine.cache.LayerState;
import org.llminspector.engine.cache.SequenceCache;
import org.llminspector.spec.DecoderSpec;
import org.llminspector.spec.Recurrent;

/** KV cache of one sequence in libtorch's memory. Reads return float32, also of positions just written in another format. */
public final class KvCache extends SequenceCache {

    /** One layer's keys, or its values. */
    private static final class Store {
        private final NDManager manager;
        private final DataType type;
        private NDArray all; // [1, kv_head, capacity, d_head]; of a latent vector [1, 1, capacity, numbers]
        private NDArray scales; // [1, kv_head, capacity, 1]; null where the format has none

        Store(NDManager manager, KvFormat format, int heads, int width) {
            this.manager = manager;
            this.type = switch (format) {
                case FP32 -> DataType.FLOAT32;
                case FP16 -> DataType.FLOAT16;
                case INT8 -> DataType.INT8;
            };
            all = zeros(new Shape(1, heads, 0, width), type);
            if (format == KvFormat.INT8) scales = zeros(new Shape(1, heads, 0, 1), DataType.FLOAT32);
        }

        private NDArray zeros(Shape shape, DataType type) {
            NDArray zeros = manager.zeros(shape, type);
            NDScope.unregister(zeros); // it outlives the pass
            return zeros;
        }

        /** Grows to this capacity; the first {@code length} positions are kept. */
        void grow(int capacity, int length) {
            all = grown(all, capacity, length);
            if (scales != null) scales = grown(scales, capacity, length);
        }

        private NDArray grown(NDArray old, int capacity, int length) {
            Shape s = old.getShape();
            NDArray larger = zeros(new Shape(1, s.get(1), capacity, s.get(3)), old.getDataType());
            if (length > 0) {
                NDIndex kept = new NDIndex().addAllDim(2).addSliceDim(0, length);
                try (NDArray part = old.get(kept)) {
                    larger.set(kept, part);
                }
            }
            old.close();
            return larger;
        }

        /** Writes [1, kv_head, pos, d_head] at {@code start}; returns everything up to its end. */
        NDArray append(NDArray part, int start) {
            long end = start + part.getShape().get(2);
            NDIndex here = new NDIndex().addAllDim(2).addSliceDim(start, end);
            NDIndex soFar = new NDIndex().addAllDim(2).addSliceDim(0, end);
            if (scales != null) {
                NDArray scale = part.abs().max(new int[] {-1}, true).div(127).maximum(KvFormat.LEAST_SCALE);
                all.set(here, part.div(scale).round().toType(DataType.INT8, false));
                scales.set(here, scale);
                return all.get(soFar).toType(DataType.FLOAT32, false).mul(scales.get(soFar));
            }
            all.set(here, part.toType(all.getDataType(), false));
            return all.get(soFar).toType(DataType.FLOAT32, false);
        }
    }

    private final NDManager manager; // null where nothing is kept, like spec and shapes
    private final List<Store> keys = new ArrayList<>(); // one per layer
    private final List<Store> values = new ArrayList<>(); // both null for a layer without its own
    private final List<NDArray> convolutions = new ArrayList<>(); // [1, past, channel]; null without one
    private final List<NDArray> recurrences = new ArrayList<>(); // [1, head, d_head, d_state]; null without one

    public KvCache(DecoderSpec spec, List<KvShape> shapes, NDManager manager, KvFormats formats, int maxPositions) {
        super(spec, shapes, formats, maxPositions, 0);
        this.manager = manager;
        for (int i = 0; i < shapes.size(); i++) {
            KvShape s = shapes.get(i);
            keys.add(caches(i) ? new Store(manager, formats.key(), s.heads(), s.key()) : null);
            values.add(caches(i) ? new Store(manager, formats.value(), s.heads(), s.value()) : null);
            LayerState state = states.get(i);
            convolutions.add(state.past() == 0 ? null : zeros(1, state.past(), state.channels()));
            recurrences.add(state.heads() == 0 ? null : zeros(1, state.heads(), state.dHead(), state.dState()));
        }
    }

    private NDArray zeros(long... shape) {
        return manager.zeros(new Shape(shape));
    }

    private KvCache() {
        super(null, null, KvFormats.FP32, 0, 0);
        this.manager = null;
    }

    /** A cache that keeps nothing: a pass, of any number of rows, sees its own keys and values only, with their gradients. */
    static KvCache none() {
        return new KvCache();
    }

    @Override
    protected void grow(int oldCapacity) {
        Stream.concat(keys.stream(), values.stream())
                .filter(Objects::nonNull)
                .forEach(s -> s.grow(capacity(), length()));
    }

    /** Whether a layer's own keys and values are cached, not the latent vector behind them. */
    boolean whole(int layer) {
        return shapes == null || shapes.get(layer).whole();
    }

    /** Writes a pass's keys [1, kv_head, pos, d_head]; returns all keys so far, a view [1, kv_head, key, d_head]. */
    NDArray keys(int layer, NDArray k) {
        return shapes == null ? k : keys.get(layer).append(k, length());
    }

    NDArray values(int layer, NDArray v) {
        return shapes == null ? v : values.get(layer).append(v, length());
    }

    /** The whole memory [1, kv_head, capacity, d_head], for a fused layer that writes into it. */
    NDArray allKeys(int layer) {
        return keys.get(layer).all;
    }

    NDArray allValues(int layer) {
        return values.get(layer).all;
    }

    /**
     * Prepends a short convolution's state to a pass's b * x [1, pos, d_model], stores the new state, and returns both
     * together, [1, past + pos, d_model].
     */
    NDArray convolved(int layer, NDArray bx, int past) {
        NDArray before = shapes == null
                ? bx.getManager()
                        .zeros(new Shape(
                                bx.getShape().get(0), past, bx.getShape().get(2)))
                : convolutions.get(layer);
        NDArray all = NDArrays.concat(new NDList(before, bx), 1);
        if (shapes != null) {
            long end = all.getShape().get(1);
            before.set(
                    new NDIndex().addAllDim(), all.get(new NDIndex().addAllDim().addSliceDim(end - past, end)));
        }
        return all;
    }

    /**
     * State of a layer's recurrence, [batch, head, d_head, d_state].
     *
     * @param shape a zero state's, where nothing is kept
     * @param rows of the batch; 1 where states are kept
     */
    NDArray recurrent(int layer, Recurrent shape, long rows, NDManager pass) {
        if (shapes != null) return recurrences.get(layer);
        return pass.zeros(new Shape(rows, shape.nHeads(), shape.dHead(), shape.dState()));
    }

    void keepRecurrent(int layer, NDArray state) {
        if (shapes != null) recurrences.get(layer).set(new NDIndex().addAllDim(), state);
    }

    /** A layer's states, for a fused layer that writes into them: of its short convolution, then of its recurrence. */
    List<NDArray> states(int layer) {
        return Stream.of(convolutions.get(layer), recurrences.get(layer))
                .filter(Objects::nonNull)
                .toList();
    }

    /** The scales [1, kv_head, capacity, 1] of the keys and then of the values, where the format has scales. */
    List<NDArray> allScales(int layer) {
        return Stream.of(keys.get(layer).scales, values.get(layer).scales)
                .filter(Objects::nonNull)
                .toList();
    }

    @Override
    protected boolean readable() {
        return formats.equals(KvFormats.FP32);
    }

    @Override
    protected void put(Kept what, int layer, float[] values, int n) {
        NDArray all = memory(what, layer);
        Shape s = all.getShape();
        boolean state = what == Kept.CONVOLUTION || what == Kept.RECURRENCE;
        float[] byHead = state ? values : KvPrefix.byHead(values, n, (int) s.get(1), (int) s.get(3));
        try (NDArray part = manager.create(byHead, state ? s : new Shape(1, s.get(1), n, s.get(3)))) {
            all.set(first(what, n), part);
        }
    }

    @Override
    protected float[] get(Kept what, int layer, int n) {
        try (NDArray part = memory(what, layer).get(first(what, n))) {
            float[] values = part.toFloatArray();
            Shape s = part.getShape();
            return what == Kept.CONVOLUTION || what == Kept.RECURRENCE
                    ? values
                    : KvPrefix.byPosition(values, (int) s.get(1), n, (int) s.get(3));
        }
    }

    private NDArray memory(Kept what, int layer) {
        return switch (what) {
            case KEY -> allKeys(layer);
            case VALUE -> allValues(layer);
            case CONVOLUTION -> convolutions.get(layer);
            case RECURRENCE -> recurrences.get(layer);
        };
    }

    private static NDIndex first(Kept what, int n) {
        return new NDIndex()
                .addAllDim(what == Kept.KEY || what == Kept.VALUE ? 2 : 1)
                .addSliceDim(0, n);
    }
}
