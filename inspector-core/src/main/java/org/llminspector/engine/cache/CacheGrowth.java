package org.llminspector.engine.cache;

/** Growth rule of a KV cache's capacity: chunks of positions, up to the most that the request can reach. */
public final class CacheGrowth {

    /** Positions of the first chunk, and the minimum of later ones. */
    public static final int CHUNK = 256;

    private CacheGrowth() {}

    /**
     * The new capacity: it grows by half each time, so that all copying adds up to at most twice the final length.
     *
     * @param capacity positions allocated now
     * @param needed positions that must fit
     * @param the longest that the sequence can become
     */
    public static int capacity(int capacity, int needed, int most) {
        if (needed <= capacity) return capacity;
        long chunks = (needed + CHUNK - 1L) / CHUNK * CHUNK;
        return (int) Math.max(needed, Math.min(most, Math.max(chunks, capacity + capacity / 2L)));
    }
}
