package org.llminspector.analysis.output;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import org.junit.jupiter.api.Test;
import org.llminspector.base.Problem;

/** Two distributions side by side, with numbers that a person can check. */
public class OutputShiftTest {

    private static float log(double p) {
        return (float) Math.log(p);
    }

    @Test
    void whatMovedMostComesFirst() {
        float[] before = {log(0.5), log(0.3), log(0.15), log(0.05)};
        float[] after = {log(0.45) + 3, log(0.05) + 3, log(0.1) + 3, log(0.4) + 3}; // a shift of all changes nothing
        OutputShift shift = new OutputShift(before, after);
        assertThat(shift.top(2)).extracting(OutputShift.Moved::id).containsExactly(0, 1);
        assertThat(shift.afterTop(9)).extracting(OutputShift.Moved::id).containsExactly(0, 3, 2, 1);
        assertThat(shift.moved(2)).extracting(OutputShift.Moved::id).containsExactly(3, 1);
        OutputShift.Moved three = shift.of(3);
        assertThat(three.prob()).isCloseTo(0.05, within(1e-6));
        assertThat(three.afterProb()).isCloseTo(0.4, within(1e-6));
        assertThat(three.rank()).isEqualTo(3);
        assertThat(three.afterRank()).isEqualTo(1);
        assertThat(shift.kl())
                .isCloseTo(
                        0.5 * Math.log(0.5 / 0.45)
                                + 0.3 * Math.log(0.3 / 0.05)
                                + 0.15 * Math.log(0.15 / 0.1)
                                + 0.05 * Math.log(0.05 / 0.4),
                        within(1e-6));
    }

    @Test
    void equalTokensRankById() {
        OutputShift shift = new OutputShift(new float[] {1, 1, 1}, new float[] {1, 1, 1});
        assertThat(shift.kl()).isZero();
        assertThat(shift.moved(3)).extracting(OutputShift.Moved::rank).containsExactly(0, 1, 2);
        assertThatThrownBy(() -> new OutputShift(new float[2], new float[3])).isInstanceOf(Problem.class);
    }
}
