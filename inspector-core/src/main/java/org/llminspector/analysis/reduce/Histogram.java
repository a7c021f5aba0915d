package org.llminspector.analysis.reduce;

import java.util.Arrays;
import java.util.Collection;
import java.util.SortedMap;
import java.util.SortedSet;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.function.Function;
import org.llminspector.analysis.reduce.state.LogBuckets;
import org.llminspector.analysis.reduce.state.State;
import org.llminspector.base.Tensor;
import org.llminspector.hook.HookId;
import org.llminspector.spec.DecoderSpec;

/**
 * Histogram of a hook's values in buckets of log2, and a coarser one of each channel.
 *
 * <p>Per hook, I64: {@code fine} [4096] by the upper 12 bits of float32 (sign, exponent, three bits of the mantissa), {@code
 * zeros} [1], and {@code channel} [channels, {@value #CELLS}]: negative numbers by exponent from the largest magnitude, zeros,
 * positive numbers by exponent, then NaN and infinities, which are in nothing else. A channel's exponents are {@value #LEAST}
 * to {@value #MOST}, the ends with all beyond. The state of a hook weighs 32,776 bytes and 272 a channel.
 */
public final class Histogram implements Reducer {

    /** Exponent of a channel's bucket that also has all smaller numbers. */
    public static final int LEAST = -8;

    /** Exponent of a channel's bucket that also has all larger numbers. */
    public static final int MOST = 7;

    private static final int EXPONENTS = MOST - LEAST + 1;

    /** A channel's cell of zeros. */
    public static final int ZERO = EXPONENTS;

    /** A channel's cell of NaN and infinities. */
    public static final int NONFINITE = 2 * EXPONENTS + 1;

    /** Cells of a channel. */
    public static final int CELLS = 2 * EXPONENTS + 2;

    private final DecoderSpec spec;
    private final SortedSet<HookId> hooks;
    private final SortedMap<HookId, Counts> counts = new TreeMap<>();
    private final ChannelBands bands = new ChannelBands();

    public Histogram(DecoderSpec spec, Collection<HookId> hooks) {
        this.spec = spec;
        this.hooks = new TreeSet<>(hooks);
    }

    @Override
    public SortedSet<HookId> hooks() {
        return hooks;
    }

    @Override
    public void add(WindowBatch batch, HookId hook, Tensor value) {
        Counts to = counts.computeIfAbsent(hook, h -> new Counts(ChannelBands.channels(batch, value)));
        bands.each(
                batch,
                value,
                (row, x, channels, first, last) ->
                        to.add(x, batch.from()[row], batch.positions(), channels, first, last));
    }

    /** Share of a channel's finite values above 0: a neuron's firing rate. */
    public double firingRate(HookId hook, int channel) {
        long[] cells = counts.get(hook).channel;
        return firingRate(Arrays.copyOfRange(cells, channel * CELLS, (channel + 1) * CELLS));
    }

    /**
     * The same of a channel's cells.
     *
     * @return NaN without a finite value
     */
    public static double firingRate(long[] cells) {
        long all = 0;
        long above = 0;
        for (int c = 0; c < NONFINITE; c++) {
            all += cells[c];
            if (c > ZERO) above += cells[c];
        }
        return (double) above / all;
    }

    /** The value that a share (0 to 1) of the hook's values does not exceed, within 12.5 %. */
    public double quantile(HookId hook, double share) {
        Counts c = counts.get(hook);
        return LogBuckets.quantile(c.fine, c.zeros(), share);
    }

    @Override
    public SortedMap<String, Tensor> state() {
        SortedMap<String, Tensor> state = new TreeMap<>();
        counts.forEach((hook, c) -> {
            state.put(at(hook) + "fine", State.of(c.fine, c.fine.length));
            state.put(at(hook) + "zeros", State.of(new long[] {c.zeros()}, 1));
            state.put(at(hook) + "channel", State.of(c.channel, c.channel.length / CELLS, CELLS));
        });
        return state;
    }

    @Override
    public void merge(Function<String, Tensor> later) {
        for (HookId hook : hooks) {
            Tensor fine = later.apply(at(hook) + "fine");
            if (fine == null) continue;
            long[] cells = State.longs(later.apply(at(hook) + "channel"), at(hook) + "channel");
            Counts to = counts.computeIfAbsent(hook, h -> new Counts(cells.length / CELLS));
            State.add(to.fine, State.longs(fine, at(hook) + "fine"), at(hook) + "fine");
            State.add(to.channel, cells, at(hook) + "channel");
        }
    }

    @Override
    public long bytes(long windows, int positions) {
        long channels =
                hooks.stream().mapToLong(h -> HookSizes.channels(h, spec)).sum();
        return Long.BYTES * (channels * CELLS + hooks.size() * (LogBuckets.COUNT + 1L));
    }

    private static String at(HookId hook) {
        return "histogram/" + hook.name() + "/";
    }

    /** A channel's cell of a number. */
    static int cell(float value) {
        int bits = Float.floatToRawIntBits(value);
        int exponent = (bits >>> 23 & 0xff) - 127;
        if (exponent == 128) return NONFINITE;
        if (value == 0) return ZERO;
        int size = Math.max(LEAST, Math.min(MOST, exponent)) - LEAST; // 0 for the smallest
        return bits < 0 ? ZERO - 1 - size : ZERO + 1 + size;
    }

    /** Counts of one hook. */
    private static final class Counts {

        final long[] fine = new long[LogBuckets.COUNT];
        final long[] channel; // [channels, CELLS]

        Counts(int channels) {
            this.channel = new long[Math.multiplyExact(channels, CELLS)];
        }

        /** Adds a band of a window, positions [from, to). */
        void add(float[] x, int from, int to, int channels, int first, int last) {
            int[] buckets = new int[LogBuckets.COUNT]; // of this band: bands run at once
            for (int p = from; p < to; p++) {
                for (int c = first; c < last; c++) {
                    float v = x[p * channels + c];
                    int cell = cell(v);
                    channel[c * CELLS + cell]++;
                    if (cell != ZERO && cell != NONFINITE) buckets[LogBuckets.of(v)]++;
                }
            }
            synchronized (fine) {
                for (int b = 0; b < buckets.length; b++) fine[b] += buckets[b];
            }
        }

        long zeros() {
            long n = 0;
            for (int at = ZERO; at < channel.length; at += CELLS) n += channel[at];
            return n;
        }
    }
}
