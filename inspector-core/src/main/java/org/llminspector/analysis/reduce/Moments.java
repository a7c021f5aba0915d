package org.llminspector.analysis.reduce;

import java.util.Arrays;
import java.util.Collection;
import java.util.SortedMap;
import java.util.SortedSet;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.function.Function;
import org.llminspector.analysis.reduce.state.State;
import org.llminspector.base.Tensor;
import org.llminspector.hook.HookId;
import org.llminspector.spec.DecoderSpec;

/**
 * Moments of each channel of a hook: count, mean, sum of squared deviations (M2), least and largest value.
 *
 * <p>Per hook, each [channels]: {@code count} I64 of finite values, {@code nonfinite} I64 of NaN and infinities, which are in
 * nothing else; {@code mean} and {@code m2} F64; {@code min} and {@code max} F32 (infinite without a value). M2 of a window is
 * summed about the window's own mean, and windows are merged by Chan, Golub and LeVeque 1983.
 */
public final class Moments implements Reducer {

    /** Bytes of a channel. */
    private static final int EACH = 2 * Long.BYTES + 2 * Double.BYTES + 2 * Float.BYTES;

    private final DecoderSpec spec;
    private final SortedSet<HookId> hooks;
    private final SortedMap<HookId, Sums> sums = new TreeMap<>();
    private final ChannelBands bands = new ChannelBands();

    public Moments(DecoderSpec spec, Collection<HookId> hooks) {
        this.spec = spec;
        this.hooks = new TreeSet<>(hooks);
    }

    @Override
    public SortedSet<HookId> hooks() {
        return hooks;
    }

    @Override
    public void add(WindowBatch batch, HookId hook, Tensor value) {
        Sums to = sums.computeIfAbsent(hook, h -> new Sums(ChannelBands.channels(batch, value)));
        bands.each(
                batch,
                value,
                (row, x, channels, first, last) -> to.add(x, batch.from()[row], batch.positions(), first, last));
    }

    @Override
    public SortedMap<String, Tensor> state() {
        SortedMap<String, Tensor> state = new TreeMap<>();
        sums.forEach((hook, s) -> {
            String at = at(hook);
            state.put(at + "count", State.of(s.count, s.count.length));
            state.put(at + "nonfinite", State.of(s.nonfinite, s.count.length));
            state.put(at + "mean", State.of(s.mean, s.count.length));
            state.put(at + "m2", State.of(s.m2, s.count.length));
            state.put(at + "min", State.of(s.min, s.count.length));
            state.put(at + "max", State.of(s.max, s.count.length));
        });
        return state;
    }

    @Override
    public void merge(Function<String, Tensor> later) {
        for (HookId hook : hooks) {
            String at = at(hook);
            Tensor count = later.apply(at + "count");
            if (count == null) continue;
            Sums more = new Sums(
                    State.longs(count, at + "count"),
                    State.longs(later.apply(at + "nonfinite"), at + "nonfinite"),
                    State.doubles(later.apply(at + "mean"), at + "mean"),
                    State.doubles(later.apply(at + "m2"), at + "m2"),
                    State.floats(later.apply(at + "min"), at + "min"),
                    State.floats(later.apply(at + "max"), at + "max"));
            sums.computeIfAbsent(hook, h -> new Sums(more.count.length)).merge(more, at);
        }
    }

    @Override
    public long bytes(long windows, int positions) {
        return EACH * hooks.stream().mapToLong(h -> HookSizes.channels(h, spec)).sum();
    }

    private static String at(HookId hook) {
        return "moments/" + hook.name() + "/";
    }

    /** Sums of one hook's channels. */
    private static final class Sums {

        final long[] count;
        final long[] nonfinite;
        final double[] mean;
        final double[] m2;
        final float[] min;
        final float[] max;
        private final double[] windowMean; // of one window, used again by the next
        private final double[] windowM2;

        Sums(int channels) {
            this(
                    new long[channels],
                    new long[channels],
                    new double[channels],
                    new double[channels],
                    new float[channels],
                    new float[channels]);
            Arrays.fill(min, Float.POSITIVE_INFINITY);
            Arrays.fill(max, Float.NEGATIVE_INFINITY);
        }

        Sums(long[] count, long[] nonfinite, double[] mean, double[] m2, float[] min, float[] max) {
            this.count = count;
            this.nonfinite = nonfinite;
            this.mean = mean;
            this.m2 = m2;
            this.min = min;
            this.max = max;
            this.windowMean = new double[count.length];
            this.windowM2 = new double[count.length];
        }

        /** Adds a band of a window, positions [from, to). */
        void add(float[] x, int from, int to, int first, int last) {
            int channels = count.length;
            double[] mean = windowMean;
            double[] m2 = windowM2;
            Arrays.fill(mean, first, last, 0);
            Arrays.fill(m2, first, last, 0);
            for (int p = from; p < to; p++) {
                int at = p * channels;
                for (int c = first; c < last; c++) mean[c] += x[at + c];
            }
            int n = to - from;
            for (int c = first; c < last; c++) mean[c] /= n;
            for (int p = from; p < to; p++) {
                int at = p * channels;
                for (int c = first; c < last; c++) {
                    double d = x[at + c] - mean[c];
                    m2[c] += d * d;
                }
            }
            for (int c = first; c < last; c++) {
                if (Double.isFinite(mean[c])) merge(c, n, mean[c], m2[c]);
                else addFinite(x, from, to, c); // a sum of finite float32 values is finite
            }
            for (int p = from; p < to; p++) extend(x, p * channels, first, last);
        }

        private void extend(float[] x, int at, int first, int last) {
            for (int c = first; c < last; c++) {
                float v = x[at + c];
                if (v > Float.NEGATIVE_INFINITY) min[c] = Math.min(min[c], v); // -0 is below 0
                if (v < Float.POSITIVE_INFINITY) max[c] = Math.max(max[c], v);
            }
        }

        private void addFinite(float[] x, int from, int to, int c) {
            int channels = count.length;
            int n = 0;
            double sum = 0;
            for (int p = from; p < to; p++) {
                float v = x[p * channels + c];
                if (!Float.isFinite(v)) continue;
                sum += v;
                n++;
            }
            nonfinite[c] += to - from - n;
            if (n == 0) return;
            double squares = 0;
            for (int p = from; p < to; p++) {
                float v = x[p * channels + c];
                if (Float.isFinite(v)) squares += (v - sum / n) * (v - sum / n);
            }
            merge(c, n, sum / n, squares);
        }

        private void merge(int c, long n, double laterMean, double laterM2) {
            if (n == 0) return;
            long before = count[c];
            count[c] = before + n;
            if (before == 0) {
                mean[c] = laterMean;
                m2[c] = laterM2;
                return;
            }
            double difference = laterMean - mean[c];
            double share = (double) n / count[c];
            mean[c] += difference * share;
            m2[c] += laterM2 + difference * difference * before * share;
        }

        void merge(Sums later, String name) {
            State.same(count.length, later.count.length, name);
            for (int c = 0; c < count.length; c++) {
                merge(c, later.count[c], later.mean[c], later.m2[c]);
                nonfinite[c] += later.nonfinite[c];
                min[c] = Math.min(min[c], later.min[c]);
                max[c] = Math.max(max[c], later.max[c]);
            }
        }
    }
}
