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

class LogLikelihoodTest {

    private static final HookId LOGITS = HookId.of(HookPoint.LOGITS);

    @Property(tries = 30)
    void law(@ForAll long seed, @ForAll @IntRange(min = 1, max = 6) int batches) {
        ReducerLaws.hold(LogLikelihood::new, new SampleCorpus(seed, batches, false), seed + 1);
    }

    /** Loss of another class, which is checked against a definition, is the same sum with another sign. */
    @Property(tries = 20)
    void sumsAreLosses(@ForAll long seed) {
        SampleCorpus corpus = new SampleCorpus(seed, 4, false);
        Map<String, Tensor> state = corpus.add(new LogLikelihood(), 0, 4).state();
        Map<String, Tensor> loss = corpus.add(new Loss(SampleCorpus.SPEC), 0, 4).state();
        Tensor sums = loss.get("loss/window/sum");
        assertThat(state.get("loglikelihood/sum").size()).isEqualTo(sums.size());
        for (int w = 0; w < sums.size(); w++) {
            assertThat(state.get("loglikelihood/sum").get(w)).isCloseTo(-sums.get(w), within(1e-10));
            assertThat(state.get("loglikelihood/count").get(w))
                    .isEqualTo(loss.get("loss/window/count").get(w));
        }
    }

    /** Rows of three tokens whose last is not read: the second and third count. */
    @Test
    void greedyIsWhereEachTokenIsTheMostProbable() {
        int vocab = SampleCorpus.VOCAB;
        int[][] tokens = {{0, 1, 2}, {0, 1, 2}, {0, 1, 2}};
        float[] logits = new float[3 * 2 * vocab];
        for (int b = 0; b < 3; b++) {
            logits[b * 2 * vocab + 1] = 3;
            logits[b * 2 * vocab + vocab + 2] = 3;
        }
        logits[2 * vocab + 1] = 0; // row 1: its second token is not the most probable
        logits[2 * vocab + 3] = 1;
        logits[5 * vocab + 2] = Float.NaN; // row 2
        LogLikelihood reducer = new LogLikelihood();
        reducer.add(
                new WindowBatch(tokens, new int[] {1, 1, 1}, new long[] {4, 5, 6}, new long[3]),
                LOGITS,
                Tensor.of(logits, 3, 2, vocab));
        Map<String, Tensor> state = reducer.state();
        double likely = 3 - Math.log(Math.exp(3) + vocab - 1);
        assertThat(state.get("loglikelihood/sum").get(0)).isCloseTo(2 * likely, within(1e-6));
        assertThat(state.get("loglikelihood/sum").get(1))
                .isCloseTo(likely - Math.log(Math.exp(1) + vocab - 1), within(1e-6));
        assertThat(state.get("loglikelihood/sum").get(2)).isNaN();
        assertThat(state.get("loglikelihood/greedy").get(0)).isEqualTo(1);
        assertThat(state.get("loglikelihood/greedy").get(1)).isZero();
        assertThat(state.get("loglikelihood/greedy").get(2)).isZero();
        assertThat(state.get("loglikelihood/count").get(2)).isEqualTo(2);
        assertThat(state.get("loglikelihood/window").get(2)).isEqualTo(6);
    }
}
