package org.llminspector.engine.cache;

import java.util.Arrays;
import java.util.List;

/**
 * Immutable copy of the KV cache of a sequence's first positions, outside the engine: another sequence that begins with
 * the same tokens continues from it without running them.
 */
public final class KvPrefix {

    private final int length;
    private final List<float[]> keys;
    private final List<float[]> values;
    private final List<float[]> states;

    /** For a model without states. */
    public KvPrefix(int length, List<float[]> keys, List<float[]> values) {
        this(length, keys, values, List.of());
    }

    /**
     * @param length positions
     * @param keys rotated keys, one array per layer, [pos, kv_head, d_head]; empty for a layer that has none
     * @param values likewise
     * @param states of short convolutions and recurrences ({@link LayerState}), one array per layer; empty for a layer
     *     with attention alone; an empty list for a model without such layers
     */
    public KvPrefix(int length, List<float[]> keys, List<float[]> values, List<float[]> states) {
        this.length = length;
        this.keys = List.copyOf(keys);
        this.values = List.copyOf(values);
        this.states = List.copyOf(states);
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

    /** State of a layer's short convolution, [past, channel], followed by that of its recurrence, [head, d_head, d_state]. */
    public float[] state(int layer) {
        return states.get(layer);
    }

    public long bytes() {
        long floats = 0;
        for (float[] s : states) floats += s.length;
        for (float[] k : keys) floats += k.length;
        for (float[] v : values) floats += v.length;
        return floats * Float.BYTES;
    }

    /** Whether {@link #first} can give this many: a state exists for the last position only. */
    public boolean reaches(int positions) {
        return positions == length || (positions < length && states.isEmpty());
    }

    /** A prefix of this prefix. */
    public KvPrefix first(int positions) {
        if (!reaches(positions)) throw new IllegalArgumentException(positions + " of " + length + " positions");
        return positions == length ? this : new KvPrefix(positions, cut(keys, positions), cut(values, positions));
    }

    private List<float[]> cut(List<float[]> layers, int positions) {
        return layers.stream()
                .map(all -> Arrays.copyOf(all, all.length / length * positions))
                .toList();
    }

    /** Transposes [kv_head, pos, d_head] to [pos, kv_head, d_head]. */
    public static float[] byPosition(float[] byHead, int heads, int positions, int width) {
        return swapped(byHead, heads, positions, width);
    }

    /** Transposes [pos, kv_head, d_head] to [kv_head, pos, d_head]. */
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
