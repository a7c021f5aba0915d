package org.llminspector.analysis;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import org.junit.jupiter.api.Test;

/** Ranks of numbers few enough to rank by hand; the ties' figure is scipy.stats.spearmanr's. */
class RankCorrelationTest {

    @Test
    void onlyTheOrderCounts() {
        double[] x = {1, 2, 3, 4};
        assertThat(RankCorrelation.spearman(x, new double[] {10, 200, 3000, 1e9}))
                .isEqualTo(1);
        assertThat(RankCorrelation.spearman(x, new double[] {9, 7, 1, -5})).isEqualTo(-1);
        // squares of differences of ranks: 1, 1, 1, 1; 1 - 6 * 4 / (4 * 15)
        assertThat(RankCorrelation.spearman(x, new double[] {2, 1, 4, 3})).isCloseTo(0.6, within(1e-15));
    }

    @Test
    void equalNumbersShareTheMeanOfTheirRanks() {
        double[] x = {1, 2, 2, 3, 5};
        double[] y = {1, 3, 2, 2, 9};
        // ranks 0, 1.5, 1.5, 3, 4 and 0, 3, 1.5, 1.5, 4
        assertThat(RankCorrelation.spearman(x, y)).isCloseTo(7.25 / 9.5, within(1e-15));
    }

    @Test
    void withoutAnOrderThereIsNone() {
        assertThat(RankCorrelation.spearman(new double[] {1}, new double[] {2})).isNull();
        assertThat(RankCorrelation.spearman(new double[] {1, 2}, new double[] {3, 3}))
                .isNull();
        assertThatThrownBy(() -> RankCorrelation.spearman(new double[2], new double[3]))
                .isInstanceOf(IllegalArgumentException.class);
    }
}
