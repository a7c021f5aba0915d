package org.llminspector.tales.corpus;

import java.util.Arrays;

/** Set that counts distinct 64-bit hashes, eight to fourteen bytes each; 0 counts as 1. */
final class LongSet {

    private long[] slots = new long[1 << 12];
    private int size;

    boolean add(long value) {
        long v = value == 0 ? 1 : value;
        if (size * 5L > slots.length * 3L) grow();
        if (!put(slots, v)) return false;
        size++;
        return true;
    }

    int size() {
        return size;
    }

    private void grow() {
        long[] larger = new long[slots.length * 2];
        Arrays.stream(slots).filter(v -> v != 0).forEach(v -> put(larger, v));
        slots = larger;
    }

    private static boolean put(long[] slots, long v) {
        int mask = slots.length - 1;
        int i = (int) (v ^ v >>> 32) * 0x9E3779B9 & mask;
        while (slots[i] != 0) {
            if (slots[i] == v) return false;
            i = i + 1 & mask;
        }
        slots[i] = v;
        return true;
    }
}
