package org.llminspector.generate;

import java.util.Arrays;

/**
 * Selection of top tokens by descending score, ties by ascending id, without a full sort.
 *
 * <p>A score and its id are packed into one long, whose order is that of both. Scores must be finite.
 */
final class Ranking {

    private Ranking() {}

    /** A sort key: greater for a higher score, and for the lower id at equal scores. */
    static long key(float score, int id) {
        int bits = Float.floatToRawIntBits(score + 0f); // -0 becomes 0
        int ordered = bits ^ ((bits >> 31) & Integer.MAX_VALUE);
        return (long) ordered << 32 | (~id & 0xFFFFFFFFL);
    }

    static int id(long key) {
        return ~(int) key;
    }

    /** Ids of the {@code count} highest scores, best first; one pass with a heap, for small counts. */
    static int[] top(float[] scores, int count) {
        int size = Math.min(count, scores.length);
        long[] heap = new long[size]; // min-heap
        for (int i = 0; i < size; i++) heap[i] = key(scores[i], i);
        Arrays.sort(heap);
        if (size > 0) {
            float worst = scores[id(heap[0])];
            for (int i = size; i < scores.length; i++) {
                if (scores[i] <= worst) continue; // an equal score has the higher id
                sink(heap, key(scores[i], i));
                worst = scores[id(heap[0])];
            }
        }
        Arrays.sort(heap);
        int[] ids = new int[size];
        for (int i = 0; i < size; i++) ids[i] = id(heap[size - 1 - i]);
        return ids;
    }

    /** The {@code count}-th highest score, 1 for the highest. */
    static float nth(float[] scores, int count) {
        if (count <= 1_024) return scores[top(scores, count)[count - 1]];
        long[] keys = new long[scores.length];
        for (int i = 0; i < keys.length; i++) keys[i] = key(scores[i], i);
        return scores[id(select(keys, keys.length, null, count))];
    }

    /**
     * The largest key at which the cumulative weight of it and all greater keys reaches {@code share}: linear-time
     * radix select, 12 bits at a time.
     *
     * @param keys distinct; reordered in place
     * @param size number of keys to consider, at least 1
     * @param weights by id, positive; null for 1 each
     * @param share more than 0; when the total weight is below it, the result is the smallest key
     */
    static long select(long[] keys, int size, double[] weights, double share) {
        double left = share;
        int count = size;
        for (int shift = 52; count > 1; shift = Math.max(0, shift - 12)) {
            double[] sums = new double[4_096];
            for (int i = 0; i < count; i++) {
                sums[digit(keys[i], shift)] += weights == null ? 1 : weights[id(keys[i])];
            }
            int digit = -1;
            double above = 0;
            for (int d = sums.length - 1; d >= 0; d--) {
                if (sums[d] == 0) continue;
                if (digit >= 0) above += sums[digit];
                digit = d;
                if (left <= above + sums[d]) break;
            }
            left -= above;
            int same = 0;
            for (int i = 0; i < count; i++) if (digit(keys[i], shift) == digit) keys[same++] = keys[i];
            count = same;
        }
        return keys[0];
    }

    private static int digit(long key, int shift) {
        return (int) ((key ^ Long.MIN_VALUE) >>> shift) & 4_095;
    }

    private static void sink(long[] heap, long key) {
        int at = 0;
        while (true) {
            int child = 2 * at + 1;
            if (child >= heap.length) break;
            if (child + 1 < heap.length && heap[child + 1] < heap[child]) child++;
            if (heap[child] >= key) break;
            heap[at] = heap[child];
            at = child;
        }
        heap[at] = key;
    }
}
