package org.llminspector.analysis.reduce;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import org.junit.jupiter.api.Test;
import org.llminspector.base.Tensor;
import org.llminspector.hook.HookId;
import org.llminspector.hook.HookPoint;

class TopExamplesTest {

    private static final int K = 3;
    private static final HookId NEURONS = HookId.of(HookPoint.MLP_POST, 0);
    private static final HookId HEADS = HookId.of(HookPoint.RESULT, 1);

    private record Example(float value, long window, int position) {}

    private static TopExamples top() {
        return new TopExamples(SampleCorpus.SPEC, List.of(NEURONS, HEADS), K);
    }

    @Property(tries = 30)
    void law(@ForAll long seed, @ForAll @IntRange(min = 1, max = 6) int batches, @ForAll boolean nonfinite) {
        ReducerLaws.hold(TopExamplesTest::top, new SampleCorpus(seed, batches, nonfinite), seed + 1);
    }

    @Property(tries = 10)
    void valuesAreThoseOfASort(@ForAll long seed, @ForAll boolean nonfinite) {
        SampleCorpus corpus = new SampleCorpus(seed, 6, nonfinite);
        Map<String, Tensor> state = corpus.add(top(), 0, 6).state();
        for (int u = 0; u < 300; u += 7) {
            long broken = 0;
            List<Example> most = new ArrayList<>();
            List<Example> least = new ArrayList<>();
            for (WindowBatch batch : corpus.batches) {
                Tensor x = corpus.value(batch, NEURONS);
                for (int b = 0; b < batch.size(); b++) {
                    List<Example> window = new ArrayList<>();
                    for (int p = batch.from()[b]; p < batch.positions(); p++) {
                        float v = (float) x.get((b * batch.positions() + p) * 300L + u);
                        if (Float.isFinite(v)) window.add(new Example(v, batch.window()[b], p));
                        else broken++;
                    }
                    window.stream().min(order(-1)).ifPresent(most::add);
                    window.stream().min(order(1)).ifPresent(least::add);
                }
            }
            assertThat(list(state, "high/", u))
                    .isEqualTo(most.stream().sorted(order(-1)).limit(K).toList());
            assertThat(list(state, "low/", u))
                    .isEqualTo(least.stream().sorted(order(1)).limit(K).toList());
            if (!nonfinite) assertThat(broken).isZero();
            assertThat(state.get("top/" + NEURONS + "/nonfinite").get(u)).isEqualTo((double) broken);
        }
    }

    private static Comparator<Example> order(int sign) {
        // Adding 0 makes -0 a 0.
        return Comparator.comparingDouble((Example e) -> sign * e.value + 0.0)
                .thenComparingLong(Example::window)
                .thenComparingInt(Example::position);
    }

    private static List<Example> list(Map<String, Tensor> state, String end, int unit) {
        String at = "top/" + NEURONS + "/";
        List<Example> examples = new ArrayList<>();
        for (int i = unit * K; i < unit * K + state.get(at + "size").get(unit); i++) {
            examples.add(new Example(
                    (float) state.get(at + end + "value").get(i),
                    (long) state.get(at + end + "window").get(i),
                    (int) state.get(at + end + "position").get(i)));
        }
        return examples;
    }

    @Test
    void aHeadsValueIsTheNormOfWhatItAdds() {
        TopExamples top = new TopExamples(SampleCorpus.SPEC, List.of(HEADS), K);
        float[] result = new float[2 * 3 * 12];
        result[12] = 3; // position 0, head 1
        result[13] = -4;
        result[36 + 12] = 1; // position 1
        WindowBatch batch = new WindowBatch(new int[1][2], new int[1], new long[] {7}, new long[1]);
        top.add(batch, HEADS, Tensor.of(result, 1, 2, 3, 12));
        Map<String, Tensor> state = top.state();
        assertThat(state.get("top/" + HEADS + "/high/value").get(K)).isEqualTo(5);
        assertThat(state.get("top/" + HEADS + "/high/window").get(K)).isEqualTo(7);
        assertThat(state.get("top/" + HEADS + "/low/value").get(K)).isCloseTo(1, within(0.0));
        assertThat(state.get("top/" + HEADS + "/low/position").get(K)).isEqualTo(1);
        assertThat(state.get("top/" + HEADS + "/size").shape()).containsExactly(3);
    }
}
