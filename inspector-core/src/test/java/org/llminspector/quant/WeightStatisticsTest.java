package org.llminspector.quant;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.util.List;
import java.util.Random;
import java.util.concurrent.CancellationException;
import org.junit.jupiter.api.Test;
import org.llminspector.base.Problem;
import org.llminspector.base.Tensor;
import org.llminspector.quant.WeightStatistics.Channel;

/** Errors and distributions against sums done by hand. */
class WeightStatisticsTest {

    private static WeightStatistics of(Tensor w, String... schemes) {
        return WeightStatistics.of(
                w, "tensor w", List.of(schemes).stream().map(QuantScheme::of).toList(), () -> false);
    }

    @Test
    void theErrorByHand() {
        // Scale 1: codes 127, 0, 2, 4; errors 0, 0.5, -0.5, 0.25.
        SchemeResult r = of(Tensor.of(new float[] {127, 0.5f, 1.5f, 4.25f}, 1, 4), "int8")
                .schemes()
                .get(0);

        QuantError e = r.error();
        double signal = 127 * 127 + 0.25 + 2.25 + 4.25 * 4.25;
        double noise = 0.25 + 0.25 + 0.0625;
        assertThat(e.max()).isEqualTo(0.5);
        assertThat(e.maxAt()).containsExactly(0, 1);
        assertThat(e.rms()).isEqualTo(Math.sqrt(noise / 4));
        assertThat(e.norm()).isEqualTo(Math.sqrt(signal));
        assertThat(e.relative()).isEqualTo(Math.sqrt(noise / signal));
        assertThat(e.sqnrDb()).isEqualTo(10 * Math.log10(signal / noise));
        double product = 127 * 127 + 0 + 3 + 17;
        double decoded = 127 * 127 + 4 + 16;
        assertThat(e.cosine()).isCloseTo(product / Math.sqrt(signal * decoded), within(1e-15));
        assertThat(r.codes())
                .containsExactly(
                        new SchemeResult.CodeCount(0, 1),
                        new SchemeResult.CodeCount(2, 1),
                        new SchemeResult.CodeCount(4, 1),
                        new SchemeResult.CodeCount(127, 1));
        assertThat(r.bytes()).isEqualTo(8);
        assertThat(r.bitsPerWeight()).isEqualTo(16);
    }

    @Test
    void whatLosesNothingHasNoNoise() {
        SchemeResult r =
                of(Tensor.of(new float[] {1, -2, 0.5f}, 3), "bf16").schemes().get(0);

        assertThat(r.error().sqnrDb()).isNull();
        assertThat(r.error().max()).isZero();
        assertThat(r.error().cosine()).isEqualTo(1);
        assertThat(of(Tensor.of(new float[9], 3, 3), "int4")
                        .schemes()
                        .get(0)
                        .error()
                        .cosine())
                .isEqualTo(1);
    }

    @Test
    void valuesByHand() {
        WeightStatistics s = of(Tensor.of(new float[] {0, -0f, 1, -1, 3, 1, 1, 4}, 2, 4));

        assertThat(s.values()).isEqualTo(8);
        assertThat(s.unique()).isEqualTo(5);
        assertThat(s.zeros()).isEqualTo(2);
        assertThat(s.min()).isEqualTo(-1);
        assertThat(s.max()).isEqualTo(4);
        assertThat(s.mean()).isEqualTo(9 / 8.0);
        assertThat(s.std()).isCloseTo(Math.sqrt(29 / 8.0 - 81 / 64.0), within(1e-12));
        assertThat(s.histogram()).hasSize(100);
        assertThat(s.histogram().get(0)).isEqualTo(1); // -1
        assertThat(s.histogram().get(20)).isEqualTo(2); // the zeros
        assertThat(s.histogram().get(99)).isEqualTo(1); // 4, the closed end
        assertThat(s.histogram().stream().mapToLong(Long::longValue).sum()).isEqualTo(8);
    }

    @Test
    void anOutlierChannelStandsOut() {
        float[] w = new float[64 * 32];
        Random random = new Random(7);
        for (int i = 0; i < w.length; i++) w[i] = random.nextFloat() - 0.5f;
        for (int r = 0; r < 64; r++) w[r * 32 + 5] *= 40;
        WeightStatistics s = of(Tensor.of(w, 64, 32), "int8-tensor", "int8", "int4");

        assertThat(s.columns().outliers()).isEqualTo(1);
        Channel first = s.columns().largest().get(0);
        assertThat(first.index()).isEqualTo(5);
        assertThat(first.ratio()).isEqualTo(first.max() / s.columns().median()).isGreaterThan(30);
        assertThat(s.rows().outliers()).isZero();
        assertThat(s.columns().count()).isEqualTo(32);
    }

    @Test
    void manyBandsAddUpToTheSameEveryTime() {
        float[] w = new float[700 * 300];
        Random random = new Random(3);
        for (int i = 0; i < w.length; i++) w[i] = (float) random.nextGaussian();
        Tensor t = Tensor.of(w, 700, 300);
        WeightStatistics s = of(t, "int8", "nf4", "int8-tensor-asym");

        assertThat(of(t, "int8", "nf4", "int8-tensor-asym")).isEqualTo(s);
        for (SchemeResult r : s.schemes()) {
            float[] back =
                    QuantScheme.of(r.scheme().name()).quantize(t, "w").decode().toFloats();
            double noise = 0;
            double max = 0;
            for (int i = 0; i < w.length; i++) {
                double e = (double) w[i] - back[i];
                noise += e * e;
                max = Math.max(max, Math.abs(e));
            }
            assertThat(r.error().rms()).as(r.scheme().name()).isCloseTo(Math.sqrt(noise / w.length), within(1e-12));
            assertThat(r.error().max()).isEqualTo(max);
            int at = r.error().maxAt().get(0) * 300 + r.error().maxAt().get(1);
            assertThat(Math.abs((double) w[at] - back[at])).isEqualTo(max);
            assertThat(r.codes().stream()
                            .mapToLong(SchemeResult.CodeCount::count)
                            .sum())
                    .isEqualTo(w.length);
        }
    }

    @Test
    void everyFloatThereIsCanBeCounted() {
        UniqueFloats unique = new UniqueFloats();
        for (int bits = 0; bits < 100_000; bits++) unique.add(Float.intBitsToFloat(0x3F80_0000 + bits));
        for (int bits = 0; bits < 100_000; bits++) unique.add(Float.intBitsToFloat(0x3F80_0000 + bits));
        unique.add(-0f);
        unique.add(0f);
        assertThat(unique.count()).isEqualTo(100_001);
    }

    @Test
    void aSchemeThatCannotSaysWhyAndNoNumbersAreRefused() {
        SchemeResult r = of(Tensor.of(new float[] {1e6f}, 1), "fp16").schemes().get(0);
        assertThat(r.error()).isNull();
        assertThat(r.refused()).contains("does not fit fp16");
        assertThatThrownBy(() -> of(Tensor.of(new float[] {1, Float.NaN}, 1, 2)))
                .isInstanceOf(Problem.class)
                .hasMessageContaining("w[0, 1]");
    }

    @Test
    void itEndsWhenItIsCancelled() {
        Tensor w = Tensor.of(new float[64], 8, 8);
        assertThatThrownBy(() -> WeightStatistics.of(w, "w", List.of(), () -> true))
                .isInstanceOf(CancellationException.class);
    }
}
