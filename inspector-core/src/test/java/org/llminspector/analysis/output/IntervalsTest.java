package org.llminspector.analysis.output;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.util.Arrays;
import java.util.Random;
import org.junit.jupiter.api.Test;

class IntervalsTest {

    /** Of normal numbers in documents of equal length the interval is that of the mean's standard error. */
    @Test
    void normalDocumentsHaveTheNormalInterval() {
        Random random = new Random(7);
        int n = 400;
        double[] sums = new double[n];
        long[] counts = new long[n];
        for (int d = 0; d < n; d++) {
            sums[d] = 10 * (2 + random.nextGaussian());
            counts[d] = 10;
        }
        Intervals.Mean mean = Intervals.pairedBootstrap(sums, counts, 3);
        double value = Arrays.stream(sums).sum() / (10 * n);
        double variance = Arrays.stream(sums)
                        .map(s -> (s / 10 - value) * (s / 10 - value))
                        .sum()
                / n;
        double reach = 1.96 * Math.sqrt(variance / n);
        assertThat(mean.value()).isCloseTo(value, within(1e-12));
        assertThat(mean.low()).isCloseTo(value - reach, within(0.1 * reach));
        assertThat(mean.high()).isCloseTo(value + reach, within(0.1 * reach));
        assertThat(mean.documents()).isEqualTo(n);
    }

    /** The truth lies in 95 of 100 intervals, more or less. */
    @Test
    void theTruthIsInMostIntervals() {
        Random random = new Random(11);
        int within = 0;
        for (int i = 0; i < 200; i++) {
            double[] sums = new double[40];
            long[] counts = new long[40];
            for (int d = 0; d < 40; d++) {
                counts[d] = 1L + random.nextInt(30);
                double own = random.nextGaussian(); // what the tokens of a document have in common
                for (int t = 0; t < counts[d]; t++) sums[d] += 1 + own + random.nextGaussian();
            }
            Intervals.Mean mean = Intervals.pairedBootstrap(sums, counts, i);
            if (mean.low() <= 1 && 1 <= mean.high()) within++;
        }
        assertThat(within).isBetween(176, 198);
    }

    @Test
    void theSameSeedGivesTheSameIntervalAndAnotherAnother() {
        Random random = new Random(4);
        double[] sums = random.doubles(40).toArray();
        long[] counts = random.longs(40, 1, 9).toArray();
        counts[7] = 0;
        Intervals.Mean mean = Intervals.pairedBootstrap(sums, counts, 5);
        assertThat(Intervals.pairedBootstrap(sums, counts, 5)).isEqualTo(mean);
        assertThat(Intervals.pairedBootstrap(sums, counts, 6).low()).isNotEqualTo(mean.low());
        assertThat(mean.documents()).isEqualTo(39);
        assertThat(Intervals.pairedBootstrap(new double[] {1, 5, 2}, new long[] {2, 3, 0}, 5))
                .returns(1.2, Intervals.Mean::value)
                .returns(2, Intervals.Mean::documents);
        assertThat(Intervals.pairedBootstrap(new double[] {3}, new long[] {2}, 1))
                .isEqualTo(new Intervals.Mean(1.5, null, null, 1));
        assertThat(Intervals.pairedBootstrap(new double[] {0}, new long[] {0}, 1))
                .isNull();
    }
}
