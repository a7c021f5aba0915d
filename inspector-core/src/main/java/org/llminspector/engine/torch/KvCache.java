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
import org.llminspector.engine.cache.CacheGrowth;
import org.llminspector.engine.cache.ConvState;
import org.llminspector.engine.cache.KvCacheReport;
import org.llminspector.engine.cache.KvFormat;
import org.llminspector.engine.cache.KvFormats;
import org.llminspector.engine.cache.KvPrefix;
import org.llminspector.engine.cache.KvShape;
import org.llminspector.spec.DecoderSpec;

/**
 * KV cache of one sequence on libtorch, in memory that grows with it ({@link CacheGrowth}). Reads return float32, also of
 * positions just written in another format. With latent attention it keeps the latent vector ({@link KvShape}). It
 * includes the states of short convolutions ({@link ConvState}).
 */
public final class KvCache {

    /** Smallest scale, so that a vector of zeros has zeros for codes. */
    static final float LEAST_SCALE = 1e-30f;

    private static final float[] NOTHING = {};

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
                NDArray scale = part.abs().max(new int[] {-1}, true).div(127).maximum(LEAST_SCALE);
                all.set(here, part.div(scale).round().toType(DataType.INT8, false));
                scales.set(here, scale);
                return all.get(soFar).toType(DataType.FLOAT32, false).mul(scales.get(soFar));
            }
            all.set(here, part.toType(all.getDataType(), false));
            return all.get(soFar).toType(DataType.FLOAT32, false);
        }
    }

    private final DecoderSpec spec; // null where nothing is kept, like shapes
    private final List<KvShape> shapes; // one per layer
    private final int maxPositions;
    private final KvFormats formats;
    private final List<Store> keys = new ArrayList<>(); // one per layer
    private final List<Store> values = new ArrayList<>(); // both null for a layer with a short convolution
    private final List<NDArray> states = new ArrayList<>(); // [1, past, d_model]; null for a layer with attention
    private int capacity; // positions allocated
    private int length;

    public KvCache(DecoderSpec spec, List<KvShape> shapes, NDManager manager, KvFormats formats, int maxPositions) {
        this.spec = spec;
        this.shapes = shapes;
        this.maxPositions = maxPositions;
        this.formats = formats;
        for (int i = 0; i < shapes.size(); i++) {
            KvShape s = shapes.get(i);
            int past = ConvState.past(spec.layers().get(i));
            boolean attends = spec.layers().get(i).attends();
            keys.add(attends ? new Store(manager, formats.key(), s.heads(), s.key()) : null);
            values.add(attends ? new Store(manager, formats.value(), s.heads(), s.value()) : null);
            states.add(attends ? null : manager.zeros(new Shape(1, past, spec.dModel())));
        }
    }

    /** Makes room for a pass over {@code count} positions. */
    void reserve(int count) {
        if (length + count > maxPositions) {
            throw new IllegalArgumentException(length + " + " + count + " of " + maxPositions + " positions");
        }
        int needed = CacheGrowth.capacity(capacity, length + count, maxPositions);
        if (needed == capacity) return;
        capacity = needed;
        for (Store store : keys) if (store != null) store.grow(capacity, length);
        for (Store store : values) if (store != null) store.grow(capacity, length);
    }

    /** A cache that keeps nothing: a pass sees its own keys and values only, with their gradients. */
    static KvCache none() {
        return new KvCache();
    }

    private KvCache() {
        this.spec = null;
        this.shapes = null;
        this.maxPositions = 0;
        this.formats = KvFormats.FP32;
    }

    /** Positions in the cache. */
    int length() {
        return length;
    }

    /** Whether a layer's own keys and values are cached, not the latent vector behind them. */
    boolean whole(int layer) {
        return shapes == null || shapes.get(layer).whole();
    }

    /** Writes a pass's keys [1, kv_head, pos, d_head]; returns all keys so far, a view [1, kv_head, key, d_head]. */
    NDArray keys(int layer, NDArray k) {
        return shapes == null ? k : keys.get(layer).append(k, length);
    }

    NDArray values(int layer, NDArray v) {
        return shapes == null ? v : values.get(layer).append(v, length);
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
                ? bx.getManager().zeros(new Shape(1, past, bx.getShape().get(2)))
                : states.get(layer);
        NDArray all = NDArrays.concat(new NDList(before, bx), 1);
        if (shapes != null) {
            long end = all.getShape().get(1);
            before.set(
                    new NDIndex().addAllDim(), all.get(new NDIndex().addAllDim().addSliceDim(end - past, end)));
        }
        return all;
    }

    /** State of a layer's short convolution, [1, past, d_model], for a fused layer that writes into it. */
    NDArray state(int layer) {
        return states.get(layer);
    }

    /** The scales [1, kv_head, capacity, 1] of the keys and then of the values, where the format has scales. */
    List<NDArray> allScales(int layer) {
        return Stream.of(keys.get(layer).scales, values.get(layer).scales)
                .filter(Objects::nonNull)
                .toList();
    }

    /** Whether values are stored unrounded, so that prefixes can be copied out and in exactly. */
    private boolean exact() {
        return formats.equals(KvFormats.FP32);
    }

    /** Fills the cache with a prefix. */
    void begin(KvPrefix prefix, NDManager manager) {
        if (!exact()) throw new IllegalArgumentException("a cache that gives no prefix takes none");
        int n = prefix.length();
        reserve(n);
        for (int i = 0; i < shapes.size(); i++) {
            if (states.get(i) != null) {
                NDArray state = states.get(i);
                try (NDArray part = manager.create(prefix.state(i), state.getShape())) {
                    state.set(new NDIndex().addAllDim(), part);
                }
                continue;
            }
            KvShape s = shapes.get(i);
            put(allKeys(i), prefix.keys(i), s.heads(), s.key(), n, manager);
            put(allValues(i), prefix.values(i), s.heads(), s.value(), n, manager);
        }
        length = n;
    }

    private static void put(NDArray all, float[] first, int heads, int width, int n, NDManager manager) {
        float[] byHead = KvPrefix.byHead(first, n, heads, width);
        try (NDArray part = manager.create(byHead, new Shape(1, heads, n, width))) {
            all.set(new NDIndex().addAllDim(2).addSliceDim(0, n), part);
        }
    }

    /**
     * A copy of the first positions; null where they are stored rounded, or where short convolutions have passed them.
     */
    KvPrefix prefix(int n) {
        boolean convolves = states.stream().anyMatch(Objects::nonNull);
        if (!exact() || (convolves && n != length)) return null;
        List<float[]> k = new ArrayList<>();
        List<float[]> v = new ArrayList<>();
        List<float[]> kept = new ArrayList<>();
        for (int i = 0; i < shapes.size(); i++) {
            NDArray state = states.get(i);
            kept.add(state == null ? NOTHING : state.toFloatArray());
            if (state != null) {
                k.add(NOTHING);
                v.add(NOTHING);
                continue;
            }
            KvShape s = shapes.get(i);
            k.add(first(allKeys(i), s.heads(), s.key(), n));
            v.add(first(allValues(i), s.heads(), s.value(), n));
        }
        return new KvPrefix(n, k, v, convolves ? kept : List.of());
    }

    private static float[] first(NDArray all, int heads, int width, int n) {
        try (NDArray part = all.get(new NDIndex().addAllDim(2).addSliceDim(0, n))) {
            return KvPrefix.byPosition(part.toFloatArray(), heads, n, width);
        }
    }

    /** Called once per pass, after the last layer. */
    void advance(int positions) {
        length += positions;
    }

    KvCacheReport report() {
        return KvCacheReport.of(spec, shapes, formats, length, capacity);
    }
}
