package org.llminspector.analysis.reduce;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.util.Map;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import org.llminspector.base.Tensor;
import org.llminspector.hook.HookId;
import org.llminspector.hook.HookPoint;

class LayerLensTest {

    private static final int D = 12;
    private static final int VOCAB = SampleCorpus.VOCAB;

    private static LayerLens lens() {
        return new LayerLens(new SweptModel(SampleCorpus.SPEC, null, LayerLensTest::unembed));
    }

    /** [1, pos, d_model] to [1, pos, vocab]. */
    private static Tensor unembed(Tensor stream) {
        float[] x = stream.toFloats();
        int rows = x.length / D;
        float[] y = new float[rows * VOCAB];
        for (int r = 0; r < rows; r++) {
            for (int v = 0; v < VOCAB; v++) {
                for (int c = 0; c < D; c++) y[r * VOCAB + v] += x[r * D + c] * (float) Math.sin(v * D + c);
            }
        }
        return Tensor.of(y, 1, rows, VOCAB);
    }

    @Property(tries = 30)
    void law(@ForAll long seed, @ForAll @IntRange(min = 1, max = 6) int batches, @ForAll boolean nonfinite) {
        ReducerLaws.hold(LayerLensTest::lens, new SampleCorpus(seed, batches, nonfinite), seed + 1);
    }

    @Property(tries = 30)
    void valuesAreThoseOfADefinition(@ForAll long seed, @ForAll boolean nonfinite) {
        SampleCorpus corpus = new SampleCorpus(seed, 4, nonfinite);
        Map<String, Tensor> state = corpus.add(lens(), 0, 4).state();
        double[] loss = new double[2];
        long[] count = new long[2];
        long[] same = new long[2];
        long[] broken = new long[2];
        for (WindowBatch batch : corpus.batches) {
            float[] stream =
                    corpus.value(batch, HookId.of(HookPoint.RESID_POST, 0)).toFloats();
            float[] seen = unembed(Tensor.of(stream, 1, stream.length / D, D)).toFloats();
            float[] output = corpus.value(batch, HookId.of(HookPoint.LOGITS)).toFloats();
            for (int b = 0; b < batch.size(); b++) {
                for (int t = Math.max(1, batch.from()[b]); t < batch.positions(); t++) {
                    int row = b * batch.positions() + t - 1;
                    int token = batch.tokens()[b][t];
                    double last = nll(output, row, token);
                    for (int layer = 0; layer < 2; layer++) {
                        float[] x = layer == 0 ? seen : output;
                        double nll = nll(x, row, token);
                        if (!Double.isFinite(nll)) {
                            broken[layer]++;
                            continue;
                        }
                        loss[layer] += nll;
                        count[layer]++;
                        if (Double.isFinite(last) && top(x, row) == top(output, row)) same[layer]++;
                    }
                }
            }
        }
        for (int layer = 0; layer < 2; layer++) {
            assertThat(state.get("lens/loss/sum").get(layer)).isCloseTo(loss[layer], within(1e-9));
            assertThat(state.get("lens/loss/count").get(layer)).isEqualTo((double) count[layer]);
            assertThat(state.get("lens/same_top").get(layer)).isEqualTo((double) same[layer]);
            assertThat(state.get("lens/nonfinite").get(layer)).isEqualTo((double) broken[layer]);
        }
        assertThat(same[1]).isEqualTo(count[1]);
    }

    private static double nll(float[] logits, int row, int token) {
        double most = Double.NEGATIVE_INFINITY;
        for (int v = 0; v < VOCAB; v++) most = Math.max(most, logits[row * VOCAB + v]);
        double sum = 0;
        for (int v = 0; v < VOCAB; v++) sum += Math.exp(logits[row * VOCAB + v] - most);
        return most + Math.log(sum) - logits[row * VOCAB + token];
    }

    private static int top(float[] logits, int row) {
        int top = 0;
        for (int v = 1; v < VOCAB; v++) if (logits[row * VOCAB + v] > logits[row * VOCAB + top]) top = v;
        return top;
    }
}
