package org.llminspector.engine;

/** Growth says how many positions a KV cache has memory for: it grows in chunks as tokens come, up to the most a request can reach. */
public final class Growth {

    /** Positions of the first chunk, and of the smallest one later. */
    public static final int CHUNK = 256;

    private Growth() {}

    /**
     * The capacity for so many positions: half as much again each time, so that copying adds up to twice the final length at most.
     *
     * @param capacity positions that there is memory for now
     * @param needed positions that there must be memory for
     * @param most positions that the sequence can reach
     */
    public static int capacity(int capacity, int needed, int most) {
        if (needed <= capacity) return capacity;
        long chunks = (needed + CHUNK - 1L) / CHUNK * CHUNK;
        return (int) Math.max(needed, Math.min(most, Math.max(chunks, capacity + capacity / 2L)));
    }
}
