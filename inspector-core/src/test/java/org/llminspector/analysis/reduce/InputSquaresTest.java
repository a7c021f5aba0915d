package org.llminspector.analysis.reduce;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.util.Map;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import org.llminspector.base.Tensor;
import org.llminspector.checkpoint.Checkpoint;
import org.llminspector.family.Family;
import org.llminspector.family.Weights;
import org.llminspector.golden.Golden;
import org.llminspector.hook.HookId;
import org.llminspector.hook.HookPoint;

/** On a mixture whose experts read tokens times their scores, and that has a shared expert. */
class InputSquaresTest {

    private static final Weights WEIGHTS = Family.open(Checkpoint.open(Golden.FAMILIES.resolve("llama4")));

    private static InputSquares squares() {
        return new InputSquares(new SweptModel(WEIGHTS.spec(), WEIGHTS, null));
    }

    private static SampleCorpus corpus(long seed, int batches, boolean nonfinite) {
        return new SampleCorpus(WEIGHTS.spec(), seed, batches, nonfinite);
    }

    @Property(tries = 30)
    void law(@ForAll long seed, @ForAll @IntRange(min = 1, max = 6) int batches, @ForAll boolean nonfinite) {
        ReducerLaws.hold(InputSquaresTest::squares, corpus(seed, batches, nonfinite), seed + 1);
    }

    @Property(tries = 20)
    void valuesAreThoseOfADefinition(@ForAll long seed, @ForAll boolean nonfinite) {
        SampleCorpus corpus = corpus(seed, 4, nonfinite);
        Map<String, Tensor> state = corpus.add(squares(), 0, 4).state();
        int layer = 0;
        while (WEIGHTS.spec().layers().get(layer).mlp().experts() == null) layer++;
        var experts = WEIGHTS.spec().layers().get(layer).mlp().experts();
        assertThat(experts.weighsInput()).isTrue();
        HookId read = HookId.of(HookPoint.LN2_NORMALIZED, layer);
        float[] norm = WEIGHTS.get("blocks." + layer + ".ln2.weight").toFloats();
        int d = norm.length;
        double[] all = new double[d];
        double[][] sent = new double[experts.count()][d];
        long[] counts = new long[experts.count()];
        long[] broken = new long[experts.count()];
        long count = 0;
        for (WindowBatch batch : corpus.batches) {
            float[] x = corpus.value(batch, read).toFloats();
            float[] to = corpus.value(batch, HookId.of(HookPoint.EXPERT_INDICES, layer))
                    .toFloats();
            float[] score = corpus.value(batch, HookId.of(HookPoint.EXPERT_WEIGHTS, layer))
                    .toFloats();
            for (int b = 0; b < batch.size(); b++) {
                for (int p = batch.from()[b]; p < batch.positions(); p++) {
                    int token = b * batch.positions() + p;
                    if (add(all, x, token * d, norm, 1)) count++;
                    for (int s = token * experts.active(); s < (token + 1) * experts.active(); s++) {
                        int e = (int) to[s];
                        if (add(sent[e], x, token * d, norm, score[s])) counts[e]++;
                        else broken[e]++;
                    }
                }
            }
        }
        String at = "imatrix/" + read + "/";
        assertThat(state.get(at + "count").get(0)).isEqualTo((double) count);
        for (int c = 0; c < d; c++) near(state.get(at + "sum2").get(c), all[c]);
        for (int e = 0; e < experts.count(); e++) {
            assertThat(state.get(at + "expert/count").get(e)).isEqualTo((double) counts[e]);
            assertThat(state.get(at + "expert/nonfinite").get(e)).isEqualTo((double) broken[e]);
            for (int c = 0; c < d; c++) near(state.get(at + "expert/sum2").get(e * d + c), sent[e][c]);
        }
    }

    private static boolean add(double[] sums, float[] x, int from, float[] norm, float score) {
        double[] squares = new double[norm.length];
        for (int c = 0; c < norm.length; c++) {
            float read = x[from + c] * norm[c] * score;
            if (!Float.isFinite(read)) return false;
            squares[c] = (double) read * read;
        }
        for (int c = 0; c < norm.length; c++) sums[c] += squares[c];
        return true;
    }

    private static void near(double ours, double theirs) {
        assertThat(ours).isCloseTo(theirs, within(1e-12 * Math.max(1, theirs)));
    }
}
