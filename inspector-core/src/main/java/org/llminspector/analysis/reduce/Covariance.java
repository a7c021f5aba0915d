package org.llminspector.analysis.reduce;

import java.util.Collection;
import java.util.SortedMap;
import java.util.SortedSet;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.function.Function;
import org.llminspector.analysis.reduce.state.CovarianceSums;
import org.llminspector.base.ByteCount;
import org.llminspector.base.Problem;
import org.llminspector.base.Tensor;
import org.llminspector.hook.HookId;
import org.llminspector.spec.DecoderSpec;

/**
 * Covariance of a hook's channels over a corpus's positions: for whitening, probes and quantization that takes account of it.
 *
 * <p>Per hook {@code covariance/HOOK/count} I64 [1], {@code mean} F64 [channel] and {@code m2} F64 [channel, channel], the sums
 * of products of deviations from the mean: divided by the count it is the covariance. Positions with NaN or an infinity are in
 * {@code nonfinite} I64 [1] only.
 */
public final class Covariance implements Reducer {

    /** Most channels of a hook: 32 MiB of sums. */
    public static final int MOST = 2_048;

    private final DecoderSpec spec;
    private final SortedSet<HookId> hooks;
    private final SortedMap<HookId, CovarianceSums> sums = new TreeMap<>();
    private float[] window = new float[0]; // [pos, channel], used again

    public Covariance(DecoderSpec spec, Collection<HookId> hooks) {
        this.spec = spec;
        this.hooks = new TreeSet<>(hooks);
        for (HookId hook : hooks) {
            long channels = HookSizes.channels(hook, spec);
            if (channels <= MOST) continue;
            throw Problem.tooLarge("the covariance of this hook would be too large")
                    .where("covariance:" + hook)
                    .expected("at most " + MOST + " channels")
                    .found(channels + " channels, " + ByteCount.of(channels * channels * Double.BYTES))
                    .instead("moments are of each channel alone");
        }
    }

    @Override
    public SortedSet<HookId> hooks() {
        return hooks;
    }

    @Override
    public void add(WindowBatch batch, HookId hook, Tensor value) {
        int channels = ChannelBands.channels(batch, value);
        int size = channels * batch.positions();
        if (window.length < size) window = new float[size];
        CovarianceSums to = sums.computeIfAbsent(hook, h -> new CovarianceSums(channels));
        for (int b = 0; b < batch.size(); b++) {
            value.toFloats((long) b * size, window, size);
            to.add(window, batch.from()[b], batch.positions());
        }
    }

    @Override
    public SortedMap<String, Tensor> state() {
        SortedMap<String, Tensor> state = new TreeMap<>();
        sums.forEach((hook, s) -> s.write(at(hook), state));
        return state;
    }

    @Override
    public void merge(Function<String, Tensor> later) {
        for (HookId hook : hooks) {
            CovarianceSums more = CovarianceSums.read(at(hook), later);
            if (more != null)
                sums.computeIfAbsent(hook, h -> new CovarianceSums(more.channels()))
                        .merge(more, at(hook));
        }
    }

    @Override
    public long bytes(long windows, int positions) {
        return hooks.stream()
                .mapToLong(h -> HookSizes.channels(h, spec))
                .map(d -> (d * d + d + 2) * Double.BYTES)
                .sum();
    }

    private static String at(HookId hook) {
        return "covariance/" + hook.name() + "/";
    }
}
