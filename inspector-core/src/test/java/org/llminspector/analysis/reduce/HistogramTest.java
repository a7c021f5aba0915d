package org.llminspector.analysis.reduce;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.util.Arrays;
import java.util.List;
import java.util.Map;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import org.junit.jupiter.api.Test;
import org.llminspector.analysis.reduce.state.LogBuckets;
import org.llminspector.analysis.reduce.state.State;
import org.llminspector.base.Tensor;
import org.llminspector.hook.HookId;
import org.llminspector.hook.HookPoint;

class HistogramTest {

    private static final HookId HOOK = HookId.of(HookPoint.MLP_POST, 0);

    private static Histogram histogram() {
        return new Histogram(SampleCorpus.SPEC, List.of(HOOK));
    }

    @Property(tries = 30)
    void law(@ForAll long seed, @ForAll @IntRange(min = 1, max = 6) int batches, @ForAll boolean nonfinite) {
        ReducerLaws.hold(HistogramTest::histogram, new SampleCorpus(seed, batches, nonfinite), seed + 1);
    }

    @Property(tries = 30)
    void quantilesAndRatesAreThoseOfASort(@ForAll long seed, @ForAll boolean nonfinite) {
        SampleCorpus corpus = new SampleCorpus(seed, 6, nonfinite);
        Histogram histogram = corpus.add(histogram(), 0, 6);
        List<float[]> rows = corpus.counted(HOOK);
        if (rows.isEmpty()) return;
        double[] all = rows.stream()
                .flatMapToDouble(
                        r -> java.util.stream.IntStream.range(0, r.length).mapToDouble(i -> r[i]))
                .filter(Double::isFinite)
                .sorted()
                .toArray();
        for (double share : new double[] {0.001, 0.1, 0.25, 0.5, 0.77, 0.99, 1}) {
            double exact = all[(int) Math.max(0, Math.ceil(share * all.length) - 1)];
            assertThat(histogram.quantile(HOOK, share)).isCloseTo(exact, within(0.125 * Math.abs(exact)));
        }
        for (int c = 0; c < 300; c++) {
            int channel = c;
            double[] own = rows.stream()
                    .mapToDouble(r -> r[channel])
                    .filter(Double::isFinite)
                    .toArray();
            double above = Arrays.stream(own).filter(v -> v > 0).count();
            assertThat(histogram.firingRate(HOOK, c)).isEqualTo(above / own.length);
        }
        Map<String, Tensor> state = histogram.state();
        long zeros = (long) state.get("histogram/" + HOOK + "/zeros").get(0);
        assertThat(zeros).isEqualTo(Arrays.stream(all).filter(v -> v == 0).count());
        assertThat(Arrays.stream(State.longs(state.get("histogram/" + HOOK + "/fine"), ""))
                                .sum()
                        + zeros)
                .isEqualTo(all.length);
    }

    @Test
    void aBucketHoldsItsEnds() {
        for (float v : new float[] {1, 1.1f, -3, 1e-40f, -1e-40f, Float.MAX_VALUE, -Float.MAX_VALUE, 0x1p-126f}) {
            int bucket = LogBuckets.of(v);
            double low = Math.min(LogBuckets.inner(bucket), LogBuckets.outer(bucket));
            double high = Math.max(LogBuckets.inner(bucket), LogBuckets.outer(bucket));
            assertThat((double) v).isBetween(low, high);
        }
        assertThat(LogBuckets.outer(LogBuckets.of(1))).isEqualTo(1.125);
    }

    @Test
    void cellsOfAChannelAreInTheNumbersOrder() {
        float[] ascending = {-1e9f, -128, -127, -1, -1e-30f, 0, 1e-30f, 0x1p-7f, 1, 127, 128, 1e9f, Float.NaN};
        int[] cells = new int[ascending.length];
        for (int i = 0; i < cells.length; i++) cells[i] = Histogram.cell(ascending[i]);
        assertThat(cells).isSorted();
        assertThat(cells).containsExactly(0, 0, 1, 7, 15, 16, 17, 18, 25, 31, 32, 32, 33);
        assertThat(Histogram.cell(-0f)).isEqualTo(Histogram.ZERO);
        assertThat(Histogram.cell(Float.NEGATIVE_INFINITY)).isEqualTo(Histogram.NONFINITE);
    }
}
