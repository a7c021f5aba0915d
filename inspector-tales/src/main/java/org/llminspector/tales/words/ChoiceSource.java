package org.llminspector.tales.words;

import java.util.ArrayList;
import java.util.List;

/**
 * Random choices of a story, with their total cost in bits.
 *
 * <p>Different choices may write the same text, so the sum is at least the text's own information: divided by tokens it
 * is an upper bound of the loss of a perfect model of the generator.
 */
public final class ChoiceSource {

    private static final double LN2 = Math.log(2);

    private long state;
    private double nats;

    /** Streams of different (seed, stream, index) are independent; the same three always give the same choices. */
    public ChoiceSource(long seed, long stream, long index) {
        state = mix(mix(mix(seed) + stream) + index);
    }

    public double bits() {
        return nats / LN2;
    }

    /** A uniform integer from 0 to n - 1. */
    public int below(int n) {
        nats += Math.log(n);
        return (int) Math.floorMod(next() >>> 1, (long) n);
    }

    /** A uniform integer from a to b, both included. */
    public int between(int a, int b) {
        return a + below(b - a + 1);
    }

    public boolean chance(double p) {
        boolean yes = (next() >>> 11) * 0x1.0p-53 < p;
        nats -= Math.log(yes ? p : 1 - p);
        return yes;
    }

    /** An index, with probability proportional to its weight. */
    public int weighted(int... weights) {
        int sum = 0;
        for (int w : weights) sum += w;
        int at = (int) Math.floorMod(next() >>> 1, (long) sum);
        int i = 0;
        while (at >= weights[i]) at -= weights[i++];
        nats -= Math.log(weights[i] / (double) sum);
        return i;
    }

    public <T> T pick(List<T> from) {
        return from.get(below(from.size()));
    }

    /** Draws n distinct elements, in random order. */
    public <T> List<T> several(List<T> from, int n) {
        List<T> left = new ArrayList<>(from);
        List<T> taken = new ArrayList<>(n);
        for (int i = 0; i < n; i++) taken.add(left.remove(below(left.size())));
        return taken;
    }

    private long next() {
        return mix(state += 0x9E3779B97F4A7C15L);
    }

    /** SplitMix64's finalizer (Steele, Lea and Flood, 2014). */
    private static long mix(long z) {
        z = (z ^ (z >>> 30)) * 0xBF58476D1CE4E5B9L;
        z = (z ^ (z >>> 27)) * 0x94D049BB133111EBL;
        return z ^ (z >>> 31);
    }
}
