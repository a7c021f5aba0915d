package org.llminspector.analysis.reduce;

import java.util.Arrays;
import java.util.Collection;
import java.util.SortedMap;
import java.util.SortedSet;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.function.Function;
import org.llminspector.analysis.reduce.state.RankedValues;
import org.llminspector.analysis.reduce.state.State;
import org.llminspector.base.Tensor;
import org.llminspector.hook.Axis;
import org.llminspector.hook.HookId;
import org.llminspector.hook.HookPoint;
import org.llminspector.hook.HookShape;
import org.llminspector.spec.DecoderSpec;

/**
 * Top examples of each unit of a hook: its k largest and k smallest values in the corpus, with window and position.
 *
 * <p>A unit is a channel (a neuron, an expert's gate); of {@code attn.hook_result} it is a head, and its value the norm of
 * what the head adds. A window stands once in a unit's list, with its most extreme value, the first of equal ones; equal
 * values of several windows stand in the windows' order. Per hook: {@code size} I32 [unit], the filled places of both
 * lists; {@code high/} and {@code low/} {@code value} F32, {@code window} I64 and {@code position} I32, each [unit, k], best
 * first; {@code nonfinite} I64 [unit], NaN and infinities, which are in no list.
 */
public final class TopExamples implements Reducer {

    /** Values kept at each end, of each unit. */
    public static final int K = 10;

    private final DecoderSpec spec;
    private final SortedSet<HookId> hooks;
    private final int k;
    private final SortedMap<HookId, Units> units = new TreeMap<>();
    private final ChannelBands bands = new ChannelBands();

    public TopExamples(DecoderSpec spec, Collection<HookId> hooks, int k) {
        this.spec = spec;
        this.hooks = new TreeSet<>(hooks);
        this.k = k;
    }

    /** Whether its units are channels or heads: slots of a mixture belong to other experts at each position. */
    static boolean takes(HookId hook) {
        return HookSizes.byPosition(hook) && hook.point().axisIndex(Axis.SLOT) < 0;
    }

    @Override
    public SortedSet<HookId> hooks() {
        return hooks;
    }

    @Override
    public void add(WindowBatch batch, HookId hook, Tensor value) {
        Tensor x = hook.point() == HookPoint.RESULT ? HeadNorms.of(value) : value;
        Units to = units.computeIfAbsent(hook, h -> new Units(ChannelBands.channels(batch, x), k));
        bands.each(
                batch,
                x,
                (row, values, channels, first, last) ->
                        to.add(values, batch.from()[row], batch.positions(), first, last, batch.window()[row]));
    }

    @Override
    public SortedMap<String, Tensor> state() {
        SortedMap<String, Tensor> state = new TreeMap<>();
        units.forEach((hook, u) -> {
            state.put(at(hook) + "size", State.of(u.size, u.size.length));
            state.put(at(hook) + "nonfinite", State.of(u.nonfinite, u.size.length));
            u.high.write(at(hook) + "high/", state);
            u.low.write(at(hook) + "low/", state);
        });
        return state;
    }

    @Override
    public void merge(Function<String, Tensor> later) {
        for (HookId hook : hooks) {
            String at = at(hook);
            Tensor size = later.apply(at + "size");
            if (size == null) continue;
            int[] sizes = State.ints(size, at + "size");
            Units to = units.computeIfAbsent(hook, h -> new Units(sizes.length, k));
            State.same(to.size.length, sizes.length, at + "size");
            long[] nonfinite = State.longs(later.apply(at + "nonfinite"), at + "nonfinite");
            RankedValues high = RankedValues.read(true, sizes.length, k, at + "high/", later);
            RankedValues low = RankedValues.read(false, sizes.length, k, at + "low/", later);
            for (int u = 0; u < sizes.length; u++) {
                to.high.merge(u, to.size[u], high, sizes[u]);
                to.low.merge(u, to.size[u], low, sizes[u]);
                to.size[u] = Math.min(k, to.size[u] + sizes[u]);
                to.nonfinite[u] += nonfinite[u];
            }
        }
    }

    @Override
    public long bytes(long windows, int positions) {
        long each = Integer.BYTES + Long.BYTES + 2L * k * (Float.BYTES + Long.BYTES + Integer.BYTES);
        return each * hooks.stream().mapToLong(this::units).sum();
    }

    private long units(HookId hook) {
        if (hook.point() != HookPoint.RESULT) return HookSizes.channels(hook, spec);
        return HookShape.of(hook.point(), spec, hook.layer(), 1, 1)[hook.point().axisIndex(Axis.HEAD)];
    }

    private static String at(HookId hook) {
        return "top/" + hook.name() + "/";
    }

    /** Both lists of one hook's units. */
    private static final class Units {

        final int[] size;
        final long[] nonfinite;
        final RankedValues high;
        final RankedValues low;
        private final int k;
        private final float[] most; // of one window, used again by the next
        private final float[] least;

        Units(int units, int k) {
            this.size = new int[units];
            this.nonfinite = new long[units];
            this.high = new RankedValues(true, units, k);
            this.low = new RankedValues(false, units, k);
            this.k = k;
            this.most = new float[units];
            this.least = new float[units];
        }

        /** Adds a band of a window, positions [from, to). */
        void add(float[] x, int from, int to, int first, int last, long window) {
            int units = size.length;
            float[] most = this.most;
            float[] least = this.least;
            Arrays.fill(most, first, last, Float.NEGATIVE_INFINITY);
            Arrays.fill(least, first, last, Float.POSITIVE_INFINITY);
            for (int p = from; p < to; p++) {
                int at = p * units;
                for (int u = first; u < last; u++) {
                    most[u] = Math.max(most[u], x[at + u]);
                    least[u] = Math.min(least[u], x[at + u]);
                }
            }
            for (int u = first; u < last; u++) {
                // Most windows fail both; NaN and infinities never do.
                if (most[u] <= high.worst(u) && least[u] >= low.worst(u)) continue;
                rank(x, from, to, u, window);
            }
        }

        private void rank(float[] x, int from, int to, int u, long window) {
            int units = size.length;
            int top = -1;
            int bottom = -1;
            for (int p = from; p < to; p++) {
                float v = x[p * units + u];
                if (!Float.isFinite(v)) {
                    nonfinite[u]++;
                    continue;
                }
                if (top < 0 || v > x[top * units + u]) top = p;
                if (bottom < 0 || v < x[bottom * units + u]) bottom = p;
            }
            if (top < 0) return;
            high.insert(u, size[u], x[top * units + u], window, top);
            low.insert(u, size[u], x[bottom * units + u], window, bottom);
            if (size[u] < k) size[u]++;
        }
    }
}
