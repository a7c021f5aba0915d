package org.llminspector.analysis.reduce;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import org.junit.jupiter.api.Test;
import org.llminspector.analysis.reduce.state.SparseCounts;
import org.llminspector.base.Tensor;
import org.llminspector.hook.HookId;
import org.llminspector.hook.HookPoint;

class RouterLoadsTest {

    private static final int EXPERTS = 4;

    private static RouterLoads router() {
        return new RouterLoads(SampleCorpus.SPEC);
    }

    @Property(tries = 30)
    void law(@ForAll long seed, @ForAll @IntRange(min = 1, max = 6) int batches, @ForAll boolean nonfinite) {
        ReducerLaws.hold(RouterLoadsTest::router, new SampleCorpus(seed, batches, nonfinite), seed + 1);
    }

    @Property(tries = 20)
    void valuesAreThoseOfADefinition(@ForAll long seed, @ForAll boolean nonfinite) {
        SampleCorpus corpus = new SampleCorpus(seed, 4, nonfinite);
        Map<String, Tensor> state = corpus.add(router(), 0, 4).state();
        String at = "router/blocks.1/";
        long[][] together = new long[EXPERTS][EXPERTS];
        Map<List<Integer>, Long> tokens = new java.util.HashMap<>();
        double entropy = 0;
        long finite = 0;
        long broken = 0;
        for (WindowBatch batch : corpus.batches) {
            Tensor chosen = corpus.value(batch, HookId.of(HookPoint.EXPERT_INDICES, 1));
            Tensor logits = corpus.value(batch, HookId.of(HookPoint.ROUTER_LOGITS, 1));
            for (int b = 0; b < batch.size(); b++) {
                for (int p = batch.from()[b]; p < batch.positions(); p++) {
                    long token = (long) b * batch.positions() + p;
                    int one = (int) chosen.get(2 * token);
                    int two = (int) chosen.get(2 * token + 1);
                    for (int e : new int[] {one, two}) {
                        together[e][one]++;
                        together[e][two]++;
                        tokens.merge(List.of(e, batch.tokens()[b][p]), 1L, Long::sum);
                    }
                    double[] x = new double[EXPERTS];
                    double all = 0;
                    double most = Double.NEGATIVE_INFINITY;
                    for (int e = 0; e < EXPERTS; e++) {
                        x[e] = logits.get(token * EXPERTS + e);
                        most = Math.max(most, x[e]);
                        all += Math.exp(x[e]);
                    }
                    if (!Double.isFinite(most)) {
                        broken++;
                        continue;
                    }
                    finite++;
                    for (double v : x) if (Math.exp(v) > 0) entropy -= Math.exp(v) / all * Math.log(Math.exp(v) / all);
                }
            }
        }
        for (int e = 0; e < EXPERTS; e++) {
            assertThat(state.get(at + "load").get(e)).isEqualTo((double) together[e][e]);
            for (int f = 0; f < EXPERTS; f++)
                assertThat(state.get(at + "together").get(e * EXPERTS + f)).isEqualTo((double) together[e][f]);
        }
        assertThat(state.get(at + "entropy/sum").get(0)).isCloseTo(entropy, within(1e-10 * Math.max(1, entropy)));
        assertThat(state.get(at + "entropy/count").get(0)).isEqualTo((double) finite);
        assertThat(state.get(at + "nonfinite").get(0)).isEqualTo((double) broken);
        if (tokens.isEmpty()) return;
        assertThat(state.get(at + "tokens/count").size()).isEqualTo(tokens.size());
        for (int i = 0; i < tokens.size(); i++) {
            List<Integer> pair = List.of((int) state.get(at + "tokens/expert").get(i), (int)
                    state.get(at + "tokens/token").get(i));
            assertThat(state.get(at + "tokens/count").get(i)).isEqualTo((double) tokens.get(pair));
        }
    }

    @Test
    void manyPairsKeepTheirCounts() {
        SparseCounts counts = new SparseCounts("x/", "a", "b");
        for (int round = 1; round <= 3; round++) for (int i = 0; i < 5000; i += round) counts.add(i % 7, i * 1000);
        TreeMap<String, Tensor> state = new TreeMap<>();
        counts.write(state);
        assertThat(state.get("x/a").size()).isEqualTo(5000);
        long all = 0;
        for (int i = 0; i < 5000; i++) {
            int id = (int) state.get("x/b").get(i) / 1000;
            int expected = 1 + (id % 2 == 0 ? 1 : 0) + (id % 3 == 0 ? 1 : 0);
            assertThat(state.get("x/count").get(i)).isEqualTo(expected);
            assertThat(state.get("x/a").get(i)).isEqualTo(id % 7);
            all += expected;
        }
        assertThat(all).isEqualTo(5000 + 2500 + 1667);
    }
}
