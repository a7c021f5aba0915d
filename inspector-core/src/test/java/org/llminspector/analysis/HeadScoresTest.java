package org.llminspector.analysis;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.BitSet;
import java.util.List;
import java.util.function.IntBinaryOperator;
import org.assertj.core.data.Offset;
import org.junit.jupiter.api.Test;
import org.llminspector.analysis.HeadSums.Role;
import org.llminspector.base.Problem;
import org.llminspector.base.Tensor;

class HeadScoresTest {

    private static final Offset<Double> EXACT = Offset.offset(1e-6);

    /** A first token, and then five tokens twice. */
    private static final int[] REPEATED = {99, 10, 11, 12, 13, 14, 10, 11, 12, 13, 14};

    @Test
    void aHeadThatOnlyDoesOneThingScoresOneForItAlone() {
        assertThat(only(q -> q - 1).previous()).isEqualTo(1, EXACT);
        assertThat(only(q -> q - 1).role()).isEqualTo(Role.PREVIOUS_TOKEN);
        HeadScores induction = only(q -> q > 5 ? q - 4 : 0);
        assertThat(induction.induction()).isEqualTo(1, EXACT);
        assertThat(induction.duplicate()).isZero();
        assertThat(induction.role()).isEqualTo(Role.INDUCTION);
        HeadScores duplicate = only(q -> q > 5 ? q - 5 : 0);
        assertThat(duplicate.duplicate()).isEqualTo(1, EXACT);
        assertThat(duplicate.induction()).isZero();
        assertThat(duplicate.first()).isEqualTo(4 / 9.0, EXACT); // queries 2 to 5 of 2 to 10
        assertThat(only(q -> 0).first()).isEqualTo(1, EXACT);
        assertThat(only(q -> 0).role()).isEqualTo(Role.FIRST_TOKEN);
        assertThat(only(q -> q).self()).isEqualTo(1, EXACT);
    }

    @Test
    void anEvenHeadHasNoRole() {
        int n = REPEATED.length;
        float[] p = new float[n * n];
        for (int q = 0; q < n; q++) for (int k = 0; k <= q; k++) p[q * n + k] = 1f / (q + 1);
        HeadScores even = HeadScores.of(3, Tensor.of(p, 1, 1, n, n), REPEATED, all(REPEATED))
                .get(0);
        assertThat(even.role()).isNull();
        assertThat(even.layer()).isEqualTo(3);
        double mean = 0;
        for (int q = 6; q < n; q++) mean += 1.0 / (q + 1) / 5;
        assertThat(even.induction()).isEqualTo(mean, EXACT);
    }

    @Test
    void severalEarlierOccurrencesCountTogetherAndOnlyTheQueriesAskedFor() {
        int[] tokens = {7, 5, 6, 5, 6, 5};
        int n = tokens.length;
        float[] p = new float[n * n];
        p[5 * n + 2] = 0.25f; // after the first 5
        p[5 * n + 4] = 0.5f; // after the second
        p[5 * n + 1] = 0.25f; // the first 5 itself
        BitSet last = new BitSet();
        last.set(5);
        HeadScores s = HeadScores.of(0, Tensor.of(p, 1, 1, n, n), tokens, last).get(0);
        assertThat(s.induction()).isEqualTo(0.75, EXACT);
        assertThat(s.duplicate()).isEqualTo(0.25, EXACT);
    }

    @Test
    void withoutRepeatsThereIsNoInductionScore() {
        int[] tokens = {1, 2, 3, 4};
        HeadScores s = HeadScores.of(0, pattern(4, 1, (h, q) -> 0), tokens, all(tokens))
                .get(0);
        assertThat(s.induction()).isNull();
        assertThat(s.duplicate()).isNull();
        assertThatThrownBy(() -> HeadScores.of(0, pattern(5, 1, (h, q) -> 0), tokens, all(tokens)))
                .isInstanceOf(Problem.class);
    }

    @Test
    void headsAreScoredApart() {
        List<HeadScores> two = HeadScores.of(
                1, pattern(REPEATED.length, 2, (h, q) -> h == 0 ? Math.max(0, q - 1) : q), REPEATED, all(REPEATED));
        assertThat(two).extracting(HeadScores::role).containsExactly(Role.PREVIOUS_TOKEN, Role.SELF);
        assertThat(two).extracting(HeadScores::head).containsExactly(0, 1);
    }

    /** Every position. */
    private static BitSet all(int[] tokens) {
        BitSet all = new BitSet();
        all.set(0, tokens.length);
        return all;
    }

    private static HeadScores only(java.util.function.IntUnaryOperator looksAt) {
        return HeadScores.of(
                        0,
                        pattern(REPEATED.length, 1, (h, q) -> Math.max(0, looksAt.applyAsInt(q))),
                        REPEATED,
                        all(REPEATED))
                .get(0);
    }

    /** All attention of a query at one key. */
    private static Tensor pattern(int n, int heads, IntBinaryOperator keyOf) {
        float[] p = new float[heads * n * n];
        for (int h = 0; h < heads; h++) {
            for (int q = 0; q < n; q++) p[(h * n + q) * n + keyOf.applyAsInt(h, q)] = 1;
        }
        return Tensor.of(p, 1, heads, n, n);
    }
}
