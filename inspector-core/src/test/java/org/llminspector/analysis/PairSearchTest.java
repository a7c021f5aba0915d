package org.llminspector.analysis;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Random;
import org.assertj.core.data.Offset;
import org.junit.jupiter.api.Test;
import org.llminspector.analysis.PairSearch.Candidates;
import org.llminspector.analysis.PairSearch.Found;
import org.llminspector.analysis.PairSearch.Pair;

class PairSearchTest {

    private static final int WIDTH = 8;

    private static float[] rows(int n, long seed) {
        Random random = new Random(seed);
        float[] rows = new float[n * WIDTH];
        for (int i = 0; i < rows.length; i++) rows[i] = (float) (random.nextGaussian() * (1 + i / WIDTH % 7));
        return rows;
    }

    private static List<Pair> all(float[] a, float[] b) {
        List<Pair> pairs = new ArrayList<>();
        for (int i = 0; i < a.length / WIDTH; i++) {
            for (int j = 0; j < b.length / WIDTH; j++) {
                float sum = 0;
                for (int d = 0; d < WIDTH; d++) sum += a[i * WIDTH + d] * b[j * WIDTH + d];
                pairs.add(new Pair(i, j, sum));
            }
        }
        pairs.sort(Comparator.comparingDouble((Pair p) -> -p.score()));
        return pairs;
    }

    @Test
    void allPairsOfSmallTablesAreLookedAt() {
        float[] a = rows(150, 1);
        float[] b = rows(170, 2);
        Found found = PairSearch.highest(
                PairSearch.longest(a, WIDTH, 1000, i -> true), PairSearch.longest(b, WIDTH, 1000, i -> true), 20);
        assertThat(found.exact()).isTrue();
        assertThat(found.bound()).isNull();
        assertThat(found.pairs()).isEqualTo(all(a, b).subList(0, 20));
    }

    /** Of more rows than are multiplied, no pair that was left out exceeds the bound. */
    @Test
    void whatIsLeftOutIsBounded() {
        float[] a = rows(400, 3);
        float[] b = rows(400, 4);
        Candidates long1 = PairSearch.longest(a, WIDTH, 60, i -> true);
        Candidates long2 = PairSearch.longest(b, WIDTH, 60, i -> true);
        Found found = PairSearch.highest(long1, long2, 10);
        assertThat(found.candidates()).isEqualTo(60);
        List<Pair> missed = new ArrayList<>(all(a, b));
        Found everything = PairSearch.highest(long1, long2, 3600);
        missed.removeIf(p -> everything.pairs().stream().anyMatch(q -> q.left() == p.left() && q.right() == p.right()));
        assertThat(missed).hasSize(400 * 400 - 3600);
        assertThat(missed.get(0).score()).isLessThanOrEqualTo(found.bound());
        assertThat(found.exact())
                .isEqualTo(found.bound() <= found.pairs().get(9).score());
    }

    @Test
    void aLeadThatNoOtherPairCanReachIsExact() {
        float[] a = rows(300, 5);
        float[] b = rows(300, 6);
        for (int d = 0; d < WIDTH; d++) a[d] = b[d] = 1000;
        Found found = PairSearch.highest(
                PairSearch.longest(a, WIDTH, 5, i -> true), PairSearch.longest(b, WIDTH, 5, i -> true), 1);
        assertThat(found.exact()).isTrue();
        assertThat(found.pairs().get(0).score()).isEqualTo(8e6, Offset.offset(1.0));
    }

    @Test
    void onlyWantedRowsAreInAPair() {
        float[] a = rows(50, 7);
        Found found = PairSearch.highest(
                PairSearch.longest(a, WIDTH, 1000, i -> i % 2 == 0),
                PairSearch.longest(a, WIDTH, 1000, i -> i % 5 == 0),
                30);
        assertThat(found.pairs()).allSatisfy(p -> {
            assertThat(p.left() % 2).isZero();
            assertThat(p.right() % 5).isZero();
        });
    }
}
