package org.llminspector.engine.torch;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.index.NDIndex;
import ai.djl.ndarray.types.Shape;
import java.util.ArrayList;
import java.util.List;
import org.llminspector.engine.KvCacheReport;
import org.llminspector.engine.KvFormats;
import org.llminspector.engine.KvPrefix;
import org.llminspector.spec.Attention;
import org.llminspector.spec.DecoderSpec;
import org.llminspector.spec.LayerSpec;

/** KvCache keeps the rotated keys and the values of every position, in memory set aside once. */
final class KvCache {

    private final DecoderSpec spec;
    private final int maxPositions;
    private final List<NDArray> keys = new ArrayList<>(); // [1, kv_head, max_pos, d_head] a layer
    private final List<NDArray> values = new ArrayList<>();
    private int length;

    KvCache(DecoderSpec spec, NDManager manager, int maxPositions) {
        this.spec = spec;
        this.maxPositions = maxPositions;
        for (LayerSpec layer : spec.layers()) {
            Attention a = layer.attention();
            Shape shape = new Shape(1, a.nKvHeads(), maxPositions, a.dHead());
            keys.add(manager.zeros(shape));
            values.add(manager.zeros(shape));
        }
    }

    /** Keeps nothing: each pass sees its own keys and values only, and they keep their gradients. */
    static KvCache none() {
        return new KvCache();
    }

    private KvCache() {
        this.spec = null;
        this.maxPositions = 0;
    }

    /** Positions held. */
    int length() {
        return length;
    }

    /** Writes a pass's keys [1, kv_head, pos, d_head]; gives all keys so far, a view [1, kv_head, key, d_head]. */
    NDArray keys(int layer, NDArray k) {
        return spec == null ? k : append(keys.get(layer), k);
    }

    NDArray values(int layer, NDArray v) {
        return spec == null ? v : append(values.get(layer), v);
    }

    /** The whole memory [1, kv_head, max_pos, d_head], for a layer that writes into it itself. */
    NDArray allKeys(int layer) {
        return keys.get(layer);
    }

    NDArray allValues(int layer) {
        return values.get(layer);
    }

    private NDArray append(NDArray all, NDArray part) {
        long end = length + part.getShape().get(2);
        all.set(new NDIndex().addAllDim(2).addSliceDim(length, end), part);
        return all.get(new NDIndex().addAllDim(2).addSliceDim(0, end));
    }

    /** Begins with these positions. */
    void begin(KvPrefix prefix, NDManager manager) {
        int n = prefix.length();
        for (int i = 0; i < spec.nLayers(); i++) {
            Attention a = spec.layers().get(i).attention();
            put(keys.get(i), prefix.keys(i), a, n, manager);
            put(values.get(i), prefix.values(i), a, n, manager);
        }
        length = n;
    }

    private static void put(NDArray all, float[] first, Attention a, int n, NDManager manager) {
        float[] byHead = KvPrefix.byHead(first, n, a.nKvHeads(), a.dHead());
        try (NDArray part = manager.create(byHead, new Shape(1, a.nKvHeads(), n, a.dHead()))) {
            all.set(new NDIndex().addAllDim(2).addSliceDim(0, n), part);
        }
    }

    /** The first positions, copied. */
    KvPrefix prefix(int n) {
        List<float[]> k = new ArrayList<>();
        List<float[]> v = new ArrayList<>();
        for (int i = 0; i < spec.nLayers(); i++) {
            Attention a = spec.layers().get(i).attention();
            k.add(first(keys.get(i), a, n));
            v.add(first(values.get(i), a, n));
        }
        return new KvPrefix(n, k, v);
    }

    private static float[] first(NDArray all, Attention a, int n) {
        try (NDArray part = all.get(new NDIndex().addAllDim(2).addSliceDim(0, n))) {
            return KvPrefix.byPosition(part.toFloatArray(), a.nKvHeads(), n, a.dHead());
        }
    }

    /** Called once a pass, after the last layer. */
    void advance(int positions) {
        length += positions;
    }

    KvCacheReport report() {
        return KvCacheReport.of(spec, KvFormats.FP32, length, maxPositions);
    }
}
