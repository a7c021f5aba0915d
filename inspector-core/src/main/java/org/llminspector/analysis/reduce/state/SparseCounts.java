package org.llminspector.analysis.reduce.state;

import java.util.Arrays;
import java.util.SortedMap;
import java.util.function.Function;
import org.llminspector.base.Tensor;

/** Counts I64 of pairs of numbers, in a table of those that occur; sorted by both in a state. */
public final class SparseCounts {

    private static final long FREE = -1;

    private final String at;
    private final String first;
    private final String second;
    private long[] keys = new long[64]; // open addressing
    private long[] counts = new long[64];
    private int size;

    /**
     * @param at the names' beginning, with a slash at its end
     * @param first name of the pairs' first number
     */
    public SparseCounts(String at, String first, String second) {
        this.at = at;
        this.first = first;
        this.second = second;
        Arrays.fill(keys, FREE);
    }

    /** Adds 1 to a pair's count; its numbers are not negative. */
    public void add(int a, int b) {
        add((long) a << 32 | b, 1);
    }

    private void add(long key, long n) {
        int i = place(key);
        if (keys[i] == FREE) {
            keys[i] = key;
            size++;
        }
        counts[i] += n;
        if (2 * size > keys.length) grow();
    }

    private int place(long key) {
        long hash = key * 0x9E3779B97F4A7C15L;
        int i = (int) (hash >>> 33) & keys.length - 1;
        while (keys[i] != FREE && keys[i] != key) i = i + 1 & keys.length - 1;
        return i;
    }

    private void grow() {
        long[] oldKeys = keys;
        long[] oldCounts = counts;
        keys = new long[2 * oldKeys.length];
        counts = new long[2 * oldKeys.length];
        Arrays.fill(keys, FREE);
        for (int i = 0; i < oldKeys.length; i++) {
            if (oldKeys[i] == FREE) continue;
            int to = place(oldKeys[i]);
            keys[to] = oldKeys[i];
            counts[to] = oldCounts[i];
        }
    }

    public void write(SortedMap<String, Tensor> state) {
        if (size == 0) return;
        long[] sorted = new long[size];
        int n = 0;
        for (long key : keys) if (key != FREE) sorted[n++] = key;
        Arrays.sort(sorted);
        int[] a = new int[size];
        int[] b = new int[size];
        long[] count = new long[size];
        for (int i = 0; i < size; i++) {
            a[i] = (int) (sorted[i] >>> 32);
            b[i] = (int) sorted[i];
            count[i] = counts[place(sorted[i])];
        }
        state.put(at + first, State.of(a, size));
        state.put(at + second, State.of(b, size));
        state.put(at + "count", State.of(count, size));
    }

    public void merge(Function<String, Tensor> later) {
        Tensor firsts = later.apply(at + first);
        if (firsts == null) return;
        int[] a = State.ints(firsts, at + first);
        int[] b = State.ints(later.apply(at + second), at + second);
        long[] count = State.longs(later.apply(at + "count"), at + "count");
        State.same(a.length, b.length, at + second);
        State.same(a.length, count.length, at + "count");
        for (int i = 0; i < a.length; i++) add((long) a[i] << 32 | b[i], count[i]);
    }

    public static long bytes(long pairs) {
        return pairs * (2L * Integer.BYTES + Long.BYTES);
    }
}
