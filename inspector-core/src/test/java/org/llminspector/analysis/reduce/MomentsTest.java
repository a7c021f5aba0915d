package org.llminspector.analysis.reduce;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.util.List;
import java.util.Map;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import org.junit.jupiter.api.Test;
import org.llminspector.base.Problem;
import org.llminspector.base.Tensor;
import org.llminspector.hook.HookId;
import org.llminspector.hook.HookPoint;

class MomentsTest {

    private static final List<HookId> HOOKS =
            List.of(HookId.of(HookPoint.MLP_POST, 0), HookId.of(HookPoint.Z, 1), HookId.of(HookPoint.EXPERT_POST, 1));

    private static Moments moments() {
        return new Moments(SampleCorpus.SPEC, HOOKS);
    }

    @Property(tries = 30)
    void law(@ForAll long seed, @ForAll @IntRange(min = 1, max = 6) int batches, @ForAll boolean nonfinite) {
        ReducerLaws.hold(MomentsTest::moments, new SampleCorpus(seed, batches, nonfinite), seed + 1);
    }

    @Property(tries = 20)
    void valuesAreThoseOfADefinition(@ForAll long seed, @ForAll boolean nonfinite) {
        SampleCorpus corpus = new SampleCorpus(seed, 5, nonfinite);
        Map<String, Tensor> state = corpus.add(moments(), 0, 5).state();
        for (HookId hook : HOOKS) {
            List<float[]> x = corpus.counted(hook);
            String at = "moments/" + hook + "/";
            for (int c = 0; !x.isEmpty() && c < x.get(0).length; c++) {
                int channel = c;
                double[] finite = x.stream()
                        .mapToDouble(v -> v[channel])
                        .filter(Double::isFinite)
                        .toArray();
                double mean = java.util.Arrays.stream(finite).average().orElse(0);
                double m2 = java.util.Arrays.stream(finite)
                        .map(v -> (v - mean) * (v - mean))
                        .sum();
                assertThat(state.get(at + "count").get(c)).isEqualTo(finite.length);
                assertThat(state.get(at + "nonfinite").get(c)).isEqualTo(x.size() - finite.length);
                assertThat(state.get(at + "mean").get(c)).isCloseTo(mean, within(1e-12 * Math.max(1, Math.abs(mean))));
                assertThat(state.get(at + "m2").get(c)).isCloseTo(m2, within(1e-12 * Math.max(1, m2)));
                assertThat(state.get(at + "min").get(c))
                        .isEqualTo(java.util.Arrays.stream(finite).min().orElse(Double.POSITIVE_INFINITY));
                assertThat(state.get(at + "max").get(c))
                        .isEqualTo(java.util.Arrays.stream(finite).max().orElse(Double.NEGATIVE_INFINITY));
            }
        }
    }

    @Test
    void varianceFarFromZeroIsKept() {
        HookId hook = HookId.of(HookPoint.LN1_SCALE, 0);
        Moments m = new Moments(SampleCorpus.SPEC, List.of(hook));
        WindowBatch batch = new WindowBatch(new int[1][4], new int[1], new long[1], new long[1]);
        m.add(batch, hook, Tensor.of(new float[] {16_777_214, 16_777_216, 16_777_214, 16_777_216}, 1, 4, 1));
        assertThat(m.state().get("moments/" + hook + "/m2").get(0)).isEqualTo(4);
    }

    @Test
    void aStateOfAnotherModelIsRefused() {
        Moments m = new SampleCorpus(1, 2, false).add(moments(), 0, 2);
        Map<String, Tensor> other = new java.util.HashMap<>(m.state());
        other.replaceAll((name, t) -> t.slice(new int[] {0, 2}));
        assertThatThrownBy(() -> m.merge(other::get))
                .isInstanceOf(Problem.class)
                .hasMessageContaining("different sizes");
    }
}
