package org.llminspector.analysis;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.util.BitSet;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.llminspector.base.Problem;
import org.llminspector.base.Tensor;

/** What one query reads through each head, on patterns whose answer is known. */
class QueryAttentionTest {

    private static final BitSet ALL = new BitSet();

    static {
        ALL.set(0, 6);
    }

    @Test
    void marksAreNotWords() {
        BitSet words = new BitSet();
        words.set(0, 6);
        words.clear(2);
        QueryAttention read = QueryAttention.of(
                        0, Tensor.of(new float[] {0.1f, 0.2f, 0.6f, 0.1f, 0, 0}, 1, 1, 1, 6), 5, words)
                .get(0);
        assertThat(read.key()).isEqualTo(1);
        assertThat(read.weight()).isCloseTo(0.2, within(1e-7));
    }

    @Test
    void theMostTellingHeadReadsFurtherBack() {
        Tensor rows = Tensor.of(
                new float[] {
                    0.7f, 0.1f, 0.1f, 0.1f, 0f, 0f, // the first token
                    0f, 0f, 0f, 1f, 0f, 0f, // the token before
                    0.1f, 0.2f, 0.5f, 0.1f, 0.1f, 0f, // further back
                },
                1,
                3,
                1,
                6);
        List<QueryAttention> reads = QueryAttention.of(5, rows, 4, ALL).stream()
                .sorted(QueryAttention.MOST_TELLING)
                .toList();
        assertThat(reads).extracting(QueryAttention::head).containsExactly(2, 0, 1);
        QueryAttention best = reads.get(0);
        assertThat(best.layer()).isEqualTo(5);
        assertThat(best.key()).isEqualTo(2);
        assertThat(best.weight()).isCloseTo(0.5, within(1e-7));
        assertThat(best.first()).isCloseTo(0.1, within(1e-7));
        assertThat(best.previous()).isCloseTo(0.1, within(1e-7));
        assertThat(best.self()).isCloseTo(0.1, within(1e-7));
        assertThat(best.entropy())
                .isCloseTo(-(3 * 0.1 * Math.log(0.1) + 0.2 * Math.log(0.2) + 0.5 * Math.log(0.5)), within(1e-6));
        assertThat(reads.get(2).entropy()).isZero();
    }

    @Test
    void aShortPromptHasNothingFurtherBack() {
        QueryAttention second = QueryAttention.of(0, Tensor.of(new float[] {0.25f, 0.75f}, 1, 1, 1, 2), 1, ALL)
                .get(0);
        assertThat(second.key()).isNull();
        assertThat(second.weight()).isZero();
        assertThat(second.previous()).isEqualTo(0.25);
        assertThat(QueryAttention.of(0, Tensor.of(new float[] {1f}, 1, 1, 1, 1), 0, ALL)
                        .get(0)
                        .previous())
                .isZero();
        assertThatThrownBy(() -> QueryAttention.of(0, Tensor.of(new float[] {1f}, 1, 1, 1, 1), 1, ALL))
                .isInstanceOf(Problem.class);
    }
}
