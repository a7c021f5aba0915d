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
import org.llminspector.spec.DecoderSpec;
import org.llminspector.spec.DecoderSpecBuilder;

class CovarianceTest {

    private static final HookId HOOK = HookId.of(HookPoint.Z, 1);

    private static Covariance covariance() {
        return new Covariance(SampleCorpus.SPEC, List.of(HOOK));
    }

    @Property(tries = 30)
    void law(@ForAll long seed, @ForAll @IntRange(min = 1, max = 6) int batches, @ForAll boolean nonfinite) {
        ReducerLaws.hold(CovarianceTest::covariance, new SampleCorpus(seed, batches, nonfinite), seed + 1);
    }

    @Property(tries = 30)
    void valuesAreThoseOfADefinition(@ForAll long seed, @ForAll boolean nonfinite) {
        SampleCorpus corpus = new SampleCorpus(seed, 5, nonfinite);
        List<float[]> all = corpus.counted(HOOK);
        if (all.isEmpty()) return;
        Map<String, Tensor> state = corpus.add(covariance(), 0, 5).state();
        List<float[]> rows = all.stream().filter(CovarianceTest::finite).toList();
        int d = 12;
        double[] mean = new double[d];
        for (float[] row : rows) for (int c = 0; c < d; c++) mean[c] += row[c] / (double) rows.size();
        String at = "covariance/" + HOOK + "/";
        assertThat(state.get(at + "count").get(0)).isEqualTo(rows.size());
        assertThat(state.get(at + "nonfinite").get(0)).isEqualTo(all.size() - rows.size());
        for (int i = 0; i < d; i++) {
            assertThat(state.get(at + "mean").get(i))
                    .isCloseTo(mean[i], within(1e-12 * Math.max(1, Math.abs(mean[i]))));
            for (int j = 0; j < d; j++) {
                double sum = 0;
                for (float[] row : rows) sum += (row[i] - mean[i]) * (row[j] - mean[j]);
                assertThat(state.get(at + "m2").get(i * d + j))
                        .isCloseTo(sum, within(1e-10 * Math.max(1, Math.abs(sum))));
            }
        }
    }

    private static boolean finite(float[] row) {
        for (float v : row) if (!Float.isFinite(v)) return false;
        return true;
    }

    @Test
    void aWideHookIsRefusedAndAHookIsNeeded() {
        DecoderSpec wide =
                DecoderSpecBuilder.builder(SampleCorpus.SPEC).dModel(2_049).build();
        assertThatThrownBy(() ->
                        Reducers.of(List.of("covariance:blocks.0.hook_resid_post"), SweptModel.of(wide), List.of()))
                .isInstanceOf(Problem.class)
                .hasMessageContaining("2048");
        assertThatThrownBy(() -> Reducers.of(List.of("covariance"), SweptModel.of(wide), List.of()))
                .isInstanceOf(Problem.class)
                .hasMessageContaining("covariance:blocks.0.hook_resid_post");
    }
}
