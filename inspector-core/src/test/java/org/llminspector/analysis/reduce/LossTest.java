package org.llminspector.analysis.reduce;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.util.Map;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import org.junit.jupiter.api.Test;
import org.llminspector.base.Tensor;
import org.llminspector.hook.HookId;
import org.llminspector.hook.HookPoint;

class LossTest {

    private static final HookId LOGITS = HookId.of(HookPoint.LOGITS);

    private static Loss loss() {
        return new Loss(SampleCorpus.SPEC);
    }

    @Property(tries = 30)
    void law(@ForAll long seed, @ForAll @IntRange(min = 1, max = 6) int batches, @ForAll boolean nonfinite) {
        ReducerLaws.hold(LossTest::loss, new SampleCorpus(seed, batches, nonfinite), seed + 1);
    }

    @Property(tries = 20)
    void valuesAreThoseOfADefinition(@ForAll long seed, @ForAll boolean nonfinite) {
        SampleCorpus corpus = new SampleCorpus(seed, 4, nonfinite);
        Map<String, Tensor> state = corpus.add(loss(), 0, 4).state();
        double[] position = new double[8];
        double[] token = new double[SampleCorpus.VOCAB];
        long[] counts = new long[SampleCorpus.VOCAB];
        long broken = 0;
        int window = 0;
        for (WindowBatch batch : corpus.batches) {
            Tensor logits = corpus.value(batch, LOGITS);
            for (int b = 0; b < batch.size(); b++, window++) {
                double sum = 0;
                int count = 0;
                for (int t = Math.max(1, batch.from()[b]); t < batch.positions(); t++) {
                    int row = b * batch.positions() + t - 1;
                    double all = 0;
                    for (int v = 0; v < SampleCorpus.VOCAB; v++)
                        all += Math.exp(logits.get(row * SampleCorpus.VOCAB + v));
                    int id = batch.tokens()[b][t];
                    double nll = Math.log(all) - logits.get(row * SampleCorpus.VOCAB + id);
                    if (!Double.isFinite(nll)) {
                        broken++;
                        continue;
                    }
                    position[t] += nll;
                    token[id] += nll;
                    counts[id]++;
                    sum += nll;
                    count++;
                }
                assertThat(state.get("loss/window/window").get(window)).isEqualTo((double) batch.window()[b]);
                assertThat(state.get("loss/window/document").get(window)).isEqualTo((double) batch.document()[b]);
                assertThat(state.get("loss/window/count").get(window)).isEqualTo(count);
                assertThat(state.get("loss/window/sum").get(window)).isCloseTo(sum, within(1e-10));
            }
        }
        for (int t = 0; t < state.get("loss/position/sum").size(); t++) {
            assertThat(state.get("loss/position/sum").get(t)).isCloseTo(position[t], within(1e-10));
        }
        for (int v = 0; v < SampleCorpus.VOCAB; v++) {
            assertThat(state.get("loss/token/sum").get(v)).isCloseTo(token[v], within(1e-10));
            assertThat(state.get("loss/token/count").get(v)).isEqualTo((double) counts[v]);
        }
        if (broken == 0) assertThat(state).doesNotContainKey("loss/nonfinite");
        else assertThat(state.get("loss/nonfinite").get(0)).isEqualTo((double) broken);
    }

    /** e to these logits is beyond float64. */
    @Test
    void largeLogitsDoNotOverflow() {
        Loss loss = loss();
        float[] logits = new float[2 * SampleCorpus.VOCAB];
        logits[3] = 1e4f;
        logits[4] = 1e4f;
        WindowBatch batch = new WindowBatch(new int[][] {{0, 3}}, new int[1], new long[1], new long[1]);
        loss.add(batch, LOGITS, Tensor.of(logits, 1, 2, SampleCorpus.VOCAB));
        assertThat(loss.state().get("loss/window/sum").get(0)).isCloseTo(Math.log(2), within(1e-12));
    }
}
