package org.llminspector.engine.cache;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.llminspector.spec.DecoderSpec;

/**
 * KV cache of one sequence, without the engine's memory: its length, its growth ({@link CacheGrowth}), and prefixes
 * copied in and out. With latent attention it keeps the latent vector ({@link KvShape}); it includes the states of short
 * convolutions and recurrences ({@link LayerState}).
 */
public abstract class SequenceCache {

    /** What a layer keeps: keys and values, the state of its short convolution, the state of its recurrence. */
    protected enum Kept {
        KEY,
        VALUE,
        CONVOLUTION,
        RECURRENCE
    }

    protected final DecoderSpec spec;
    protected final List<KvShape> shapes; // one per layer
    protected final List<LayerState> states; // likewise
    protected final KvFormats formats;
    private final int maxPositions;
    private int capacity; // positions allocated
    private int length;

    protected SequenceCache(DecoderSpec spec, List<KvShape> shapes, KvFormats formats, int maxPositions, int capacity) {
        this.spec = spec;
        this.shapes = shapes;
        this.states = spec == null
                ? null
                : spec.layers().stream().map(l -> LayerState.of(spec, l)).toList();
        this.formats = formats;
        this.maxPositions = maxPositions;
        this.capacity = capacity;
    }

    /** Moves the cached positions to memory of the new {@link #capacity}. */
    protected abstract void grow(int oldCapacity);

    /** Whether values are float32 in reach of this process, so that prefixes can be copied out and in exactly. */
    protected abstract boolean readable();

    /** Copies the first {@code n} positions into a layer's memory, from [pos, head, width]. */
    protected abstract void put(Kept what, int layer, float[] values, int n);

    /** Copies the first {@code n} positions out, [pos, head, width]. */
    protected abstract float[] get(Kept what, int layer, int n);

    /** Positions allocated. */
    public final int capacity() {
        return capacity;
    }

    /** Positions in the cache. */
    public final int length() {
        return length;
    }

    /** Makes room for a pass over {@code count} positions. */
    public final void reserve(int count) {
        if (length + count > maxPositions) {
            throw new IllegalArgumentException(length + " + " + count + " of " + maxPositions + " positions");
        }
        int before = capacity;
        capacity = CacheGrowth.capacity(before, length + count, maxPositions);
        if (capacity != before) grow(before);
    }

    /** Called once per pass, after the last layer. */
    public final void advance(int positions) {
        length += positions;
    }

    /** Fills the cache with a prefix. */
    public final void begin(KvPrefix prefix) {
        if (!readable()) throw new IllegalArgumentException("a cache that gives no prefix takes none");
        int n = prefix.length();
        reserve(n);
        for (int i = 0; i < shapes.size(); i++) {
            if (caches(i)) {
                put(Kept.KEY, i, prefix.keys(i), n);
                put(Kept.VALUE, i, prefix.values(i), n);
            }
            LayerState s = states.get(i);
            if (s.bytes() == 0) continue;
            float[] both = prefix.state(i);
            if (s.past() > 0) put(Kept.CONVOLUTION, i, Arrays.copyOf(both, s.convolution()), s.past());
            if (s.heads() > 0)
                put(Kept.RECURRENCE, i, Arrays.copyOfRange(both, s.convolution(), both.length), s.heads());
        }
        length = n;
    }

    /**
     * A copy of the first positions; null where they are not {@link #readable}, or where the states of layers have
     * passed them.
     */
    public final KvPrefix prefix(int n) {
        boolean keepsStates = LayerState.any(spec);
        if (!readable() || (keepsStates && n != length)) return null;
        List<float[]> keys = new ArrayList<>();
        List<float[]> values = new ArrayList<>();
        List<float[]> all = new ArrayList<>();
        for (int i = 0; i < shapes.size(); i++) {
            keys.add(caches(i) ? get(Kept.KEY, i, n) : new float[0]);
            values.add(caches(i) ? get(Kept.VALUE, i, n) : new float[0]);
            all.add(state(i));
        }
        return new KvPrefix(n, keys, values, keepsStates ? all : List.of());
    }

    private float[] state(int layer) {
        LayerState s = states.get(layer);
        float[] both = new float[s.convolution() + s.recurrence()];
        if (s.past() > 0) System.arraycopy(get(Kept.CONVOLUTION, layer, s.past()), 0, both, 0, s.convolution());
        if (s.heads() > 0)
            System.arraycopy(get(Kept.RECURRENCE, layer, s.heads()), 0, both, s.convolution(), s.recurrence());
        return both;
    }

    /** Whether a layer has keys and values of its own. */
    protected final boolean caches(int layer) {
        return shapes.get(layer).heads() > 0;
    }

    public final KvCacheReport report() {
        return KvCacheReport.of(spec, shapes, formats, length, capacity);
    }
}
