package org.llminspector.generate;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Comparator;
import java.util.List;
import java.util.stream.IntStream;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.FloatRange;
import net.jqwik.api.constraints.IntRange;
import net.jqwik.api.constraints.Size;

/** Partial selection finds what a full sort finds, ties included. */
class RankingTest {

    @Property(tries = 300, seed = "1")
    void topIsTheBeginningOfTheSortedIds(
            @ForAll @Size(min = 1, max = 60) List<@IntRange(min = -3, max = 3) Integer> values,
            @ForAll @IntRange(max = 70) int count) {
        float[] scores = floats(values);
        List<Integer> sorted = sorted(scores);
        assertThat(IntStream.of(Ranking.top(scores, count)).boxed().toList())
                .isEqualTo(sorted.subList(0, Math.min(count, sorted.size())));
    }

    @Property(tries = 300, seed = "2")
    void selectFindsTheNth(
            @ForAll @Size(min = 1, max = 60) List<@IntRange(min = -3, max = 3) Integer> values,
            @ForAll @IntRange(min = 1, max = 60) int count) {
        float[] scores = floats(values);
        int n = Math.min(count, scores.length);
        assertThat(Ranking.id(Ranking.select(keys(scores), scores.length, null, n)))
                .isEqualTo(sorted(scores).get(n - 1));
        assertThat(Ranking.nth(scores, n)).isEqualTo(scores[sorted(scores).get(n - 1)]);
    }

    @Property(tries = 300, seed = "3")
    void selectFindsWhereTheWeightsReachAShare(
            @ForAll @Size(min = 1, max = 60) List<@IntRange(min = -3, max = 3) Integer> values,
            @ForAll @FloatRange(min = 0.01f, max = 1.2f) float share) {
        float[] scores = floats(values);
        double[] weights = new double[scores.length];
        double sum = 0;
        for (int i = 0; i < weights.length; i++) {
            weights[i] = Math.scalb(1.0, (int) scores[i]); // sums are exact
            sum += weights[i];
        }
        double left = share * sum;
        int last = -1;
        for (int id : sorted(scores)) {
            if (left <= 0) break;
            left -= weights[id];
            last = id;
        }
        assertThat(Ranking.id(Ranking.select(keys(scores), scores.length, weights, share * sum)))
                .isEqualTo(last);
    }

    private static float[] floats(List<Integer> values) {
        float[] scores = new float[values.size()];
        for (int i = 0; i < scores.length; i++) scores[i] = values.get(i) == 0 && i % 2 == 0 ? -0f : values.get(i);
        return scores;
    }

    private static long[] keys(float[] scores) {
        long[] keys = new long[scores.length];
        for (int i = 0; i < keys.length; i++) keys[i] = Ranking.key(scores[i], i);
        return keys;
    }

    private static List<Integer> sorted(float[] scores) {
        return IntStream.range(0, scores.length)
                .boxed()
                .sorted(Comparator.comparingDouble((Integer i) -> -(double) (scores[i] + 0f))
                        .thenComparing(i -> i))
                .toList();
    }
}
