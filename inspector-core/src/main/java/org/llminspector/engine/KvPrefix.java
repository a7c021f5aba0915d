package org.llminspector.engine;

import java.util.Arrays;
import java.util.List;

/**
 * KvPrefix is the KV cache of the first positions of a sequence, outside its engine: another sequence that begins with the
 * same tokens goes on from it, and does not read them again. Nothing in it is changed.
 */
public final class KvPrefix {

    private final int length;
    private final List<float[]> keys;
    private final List<float[]> values;

    /**
     * @param length positions
     * @param keys rotated keys, a layer each, [pos, kv_head, d_head]
     * @param values the same
     */
    public KvPrefix(int length, List<float[]> keys, List<float[]> values) {
        this.length = length;
        this.keys = List.copyOf(keys);
        this.values = List.copyOf(values);
    }

    /** Positions. */
    public int length() {
        return length;
    }

    /** Rotated keys of a layer, [pos, kv_head, d_head]. */
    public float[] keys(int layer) {
        return keys.get(layer);
    }

    /** Values of a layer, [pos, kv_head, d_head]. */
    public float[] values(int layer) {
        return values.get(layer);
    }

    public long bytes() {
        long floats = 0;
        for (float[] k : keys) floats += k.length;
        for (float[] v : values) floats += v.length;
        return floats * Float.BYTES;
    }

    /** The first of these positions. */
    public KvPrefix first(int positions) {
        return positions == length ? this : new KvPrefix(positions, cut(keys, positions), cut(values, positions));
    }

    private List<float[]> cut(List<float[]> layers, int positions) {
        return layers.stream()
                .map(all -> Arrays.copyOf(all, all.length / length * positions))
                .toList();
    }

    /** Puts [kv_head, pos, d_head] as [pos, kv_head, d_head]. */
    public static float[] byPosition(float[] byHead, int heads, int positions, int width) {
        return swapped(byHead, heads, positions, width);
    }

    /** Puts [pos, kv_head, d_head] as [kv_head, pos, d_head]. */
    public static float[] byHead(float[] byPosition, int positions, int heads, int width) {
        return swapped(byPosition, positions, heads, width);
    }

    private static float[] swapped(float[] from, int outer, int inner, int width) {
        float[] to = new float[from.length];
        for (int o = 0; o < outer; o++) {
            for (int i = 0; i < inner; i++)
                System.arraycopy(from, (o * inner + i) * width, to, (i * outer + o) * width, width);
        }
        return to;
    }
}
