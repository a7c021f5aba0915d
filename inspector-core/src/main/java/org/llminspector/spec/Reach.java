package org.llminspector.spec;

/**
 * How far back a query attends.
 *
 * @param window to this many positions, itself included, or null for all
 * @param chunk positions are cut in chunks of this many, and a query attends within its own, or null for no chunks
 */
public record Reach(Integer window, Integer chunk) {

    /** The first key that the query at this position attends to. */
    public int first(int query) {
        int first = window == null ? 0 : Math.max(0, query - window + 1);
        return chunk == null ? first : Math.max(first, query - query % chunk);
    }

    /** How many pairs of a query and a key are scored by queries [past, past + tokens). */
    public long pairs(long past, long tokens) {
        if (chunk != null) return inChunks(past + tokens) - inChunks(past);
        long all = tokens * past + tokens * (tokens + 1) / 2;
        if (window == null) return all;
        long end = past + tokens; // queries from max(past, window) on attend to `window` keys only
        long cut = Math.max(0, end - Math.max(past, window));
        long first = Math.max(past, window) - window + 1L; // keys masked for the first of them
        return all - (cut == 0 ? 0 : cut * first + cut * (cut - 1) / 2);
    }

    private long inChunks(long queries) {
        long rest = queries % chunk;
        return queries / chunk * chunk * (chunk + 1L) / 2 + rest * (rest + 1) / 2;
    }
}
