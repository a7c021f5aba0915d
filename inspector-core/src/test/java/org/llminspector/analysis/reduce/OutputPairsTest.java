package org.llminspector.analysis.reduce;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.SortedMap;
import java.util.SortedSet;
import java.util.TreeSet;
import java.util.function.Function;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import org.junit.jupiter.api.Test;
import org.llminspector.analysis.output.Intervals;
import org.llminspector.analysis.output.LogitPair;
import org.llminspector.analysis.output.TokenDivergence;
import org.llminspector.base.Tensor;
import org.llminspector.hook.HookId;
import org.llminspector.hook.HookPoint;

class OutputPairsTest {

    private static final HookId LOGITS = HookId.of(HookPoint.LOGITS);

    /** The pairs of a corpus's logits and those of another seed. */
    private record Paired(OutputPairs pairs, SampleCorpus b) implements Reducer {

        static Paired of(long seed, boolean nonfinite) {
            return new Paired(new OutputPairs(), new SampleCorpus(seed + 1, 1, nonfinite));
        }

        @Override
        public SortedSet<HookId> hooks() {
            return new TreeSet<>(List.of(LOGITS));
        }

        @Override
        public void add(WindowBatch batch, HookId hook, Tensor value) {
            pairs.add(batch, value, b.value(batch, hook));
        }

        @Override
        public SortedMap<String, Tensor> state() {
            return pairs.state();
        }

        @Override
        public void merge(Function<String, Tensor> later) {
            pairs.merge(later);
        }

        @Override
        public long bytes(long windows, int positions) {
            return pairs.bytes(windows);
        }
    }

    @Property(tries = 30)
    void law(@ForAll long seed, @ForAll @IntRange(min = 1, max = 6) int batches, @ForAll boolean nonfinite) {
        ReducerLaws.hold(() -> Paired.of(seed, nonfinite), new SampleCorpus(seed, batches, nonfinite), seed + 1);
    }

    @Property(tries = 30)
    void sumsAreThoseOfTheTokensDivergences(@ForAll long seed) {
        SampleCorpus corpus = new SampleCorpus(seed, 4, false);
        Paired paired = corpus.add(Paired.of(seed, false), 0, 4);
        Map<String, Tensor> state = paired.state();
        int window = 0;
        for (WindowBatch batch : corpus.batches) {
            float[] a = corpus.value(batch, LOGITS).toFloats();
            float[] b = paired.b().value(batch, LOGITS).toFloats();
            for (int w = 0; w < batch.size(); w++, window++) {
                double[] sums = new double[4];
                int same = 0;
                int count = 0;
                for (int t = Math.max(1, batch.from()[w]); t < batch.positions(); t++, count++) {
                    int at = (w * batch.positions() + t - 1) * SampleCorpus.VOCAB;
                    float[] x = Arrays.copyOfRange(a, at, at + SampleCorpus.VOCAB);
                    float[] y = Arrays.copyOfRange(b, at, at + SampleCorpus.VOCAB);
                    int token = batch.tokens()[w][t];
                    TokenDivergence ab = TokenDivergence.of(x, y, token, 1);
                    sums[0] += ab.kl();
                    sums[1] += TokenDivergence.of(y, x, token, 1).kl();
                    sums[2] += ab.nllA();
                    sums[3] += ab.nllB();
                    if (ab.sameTop()) same++;
                }
                assertThat(cell(state, "count", window)).isEqualTo(count);
                assertThat(cell(state, "same_top", window)).isEqualTo(same);
                assertThat(cell(state, "nonfinite", window)).isZero();
                assertThat(cell(state, "document", window)).isEqualTo((double) batch.document()[w]);
                List<String> columns = List.of("kl_ab", "kl_ba", "nll_a", "nll_b");
                for (int c = 0; c < 4; c++)
                    assertThat(cell(state, columns.get(c), window)).isCloseTo(sums[c], within(1e-10));
            }
        }
    }

    private static double cell(Map<String, Tensor> state, String column, int window) {
        return state.get(OutputPairs.AT + column).get(window);
    }

    /** Small divergences are not lost in the logits' size. */
    @Test
    void aTinyChangeOfLargeLogitsHasItsDivergence() {
        float[] a = {1000, 999, 998};
        float[] b = {1000, 999.001f, 998};
        LogitPair pair = LogitPair.of(a, b, 0);
        double d = (double) b[1] - a[1];
        double p = Math.exp(-1) / (1 + Math.exp(-1) + Math.exp(-2));
        assertThat(pair.klAb()).isCloseTo(d * d * p * (1 - p) / 2, within(1e-10));
        assertThat(LogitPair.of(a, a, 0).klAb()).isZero();
        assertThat(LogitPair.of(new float[] {Float.NaN, 0}, new float[] {0, 0}, 0)
                        .finite())
                .isFalse();
        float never = Float.NEGATIVE_INFINITY;
        assertThat(LogitPair.of(new float[] {never, 0, 1}, new float[] {never, 1, 0}, 1)
                        .finite())
                .isTrue();
        assertThat(LogitPair.of(new float[] {0, 0, 1}, new float[] {never, 1, 0}, 1)
                        .finite())
                .isFalse();
    }

    @Test
    void documentsAreSummedAndRanked() {
        OutputPairs pairs = new OutputPairs();
        float[] a = {3, 0, 0, 0};
        float[][] b = {{3, 0, 0, 0}, {0, 3, 0, 0}, {3, 0.1f, 0, 0}};
        long[] documents = {4, 9, 4};
        for (int w = 0; w < 3; w++) {
            WindowBatch batch =
                    new WindowBatch(new int[][] {{1, 0}}, new int[1], new long[] {w}, new long[] {documents[w]});
            pairs.add(batch, logits(a), logits(b[w]));
        }
        Map<String, Tensor> state = pairs.state();
        DocumentSums kl = DocumentSums.of(state::get, OutputPairs.AT, "kl_ab");
        assertThat(kl.document()).containsExactly(4, 9);
        assertThat(kl.count()).containsExactly(2, 1);
        assertThat(kl.worst(10)).containsExactly(1, 0);
        double moved = TokenDivergence.of(a, b[1], 0, 1).kl();
        assertThat(kl.sum()[1]).isCloseTo(moved, within(1e-12));
        DocumentSums nll = DocumentSums.of(state::get, OutputPairs.AT, "nll_b", "nll_a");
        assertThat(nll.sum()[1]).isCloseTo(3, within(1e-12));
        Intervals.Mean mean = kl.mean(1);
        assertThat(mean.documents()).isEqualTo(2);
        assertThat(mean.low()).isLessThanOrEqualTo(mean.value());
        assertThat(mean.high()).isCloseTo(moved, within(1e-12)); // of resamples with the second document alone
        assertThat(DocumentSums.of(name -> null, OutputPairs.AT, "kl_ab").mean(1))
                .isNull();
    }

    private static Tensor logits(float[] row) {
        float[] both = Arrays.copyOf(row, 8);
        return Tensor.of(both, 1, 2, 4);
    }
}
