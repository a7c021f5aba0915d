package org.llminspector.analysis.reduce;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.SortedSet;
import org.junit.jupiter.api.Test;
import org.llminspector.analysis.reduce.state.State;
import org.llminspector.base.Tensor;
import org.llminspector.checkpoint.SafetensorsFile;
import org.llminspector.hook.HookId;

/** The reducers' states of a stored corpus against numpy's (scripts/golden/make_reduce.py). */
class ReducerGoldenTest {

    private static final SafetensorsFile VALUES =
            SafetensorsFile.open(Path.of("src/test/resources/golden/reduce/values.safetensors"));
    private static final SafetensorsFile EXPECTED =
            SafetensorsFile.open(Path.of("src/test/resources/golden/reduce/expected.safetensors"));
    private static final HookId Z = HookId.parse("blocks.1.attn.hook_z");
    private static final String AT_Z = "/" + Z + "/";

    /** Two windows of the four. */
    private static WindowBatch batch(int first) {
        int[][] tokens = new int[2][];
        int[] from = new int[2];
        long[] window = new long[2];
        long[] document = new long[2];
        for (int b = 0; b < 2; b++) {
            tokens[b] = State.ints(VALUES.tensor("tokens").rows(first + b, first + b + 1), "tokens");
            from[b] = (int) VALUES.tensor("from").get(first + b);
            window[b] = (long) VALUES.tensor("window").get(first + b);
            document[b] = (long) VALUES.tensor("document").get(first + b);
        }
        return new WindowBatch(tokens, from, window, document);
    }

    /** The state over both batches, of the hooks whose values are stored. */
    private static Map<String, Tensor> state(Reducer reducer, SortedSet<HookId> hooks) {
        for (int first = 0; first < 4; first += 2) {
            WindowBatch batch = batch(first);
            for (HookId hook : hooks) {
                if (VALUES.tensors().containsKey(hook.name()))
                    reducer.add(batch, hook, VALUES.tensor(hook.name()).rows(first, first + 2));
            }
            reducer.end(batch);
        }
        return reducer.state();
    }

    private static Map<String, Tensor> state(Reducer reducer) {
        return state(reducer, reducer.hooks());
    }

    private static void same(Tensor ours, String expected) {
        Tensor theirs = EXPECTED.tensor(expected);
        assertThat(ours.size()).as(expected).isEqualTo(theirs.size());
        for (int i = 0; i < theirs.size(); i++) {
            double value = theirs.get(i);
            assertThat(ours.get(i))
                    .as(expected + " " + i)
                    .isCloseTo(value, within(1e-11 * Math.max(1, Math.abs(value))));
        }
    }

    @Test
    void moments() {
        Map<String, Tensor> s = state(new Moments(SampleCorpus.SPEC, List.of(Z)));
        for (String name : List.of("count", "mean", "m2", "min", "max"))
            same(s.get("moments" + AT_Z + name), "moments/" + name);
        assertThat(State.longs(s.get("moments" + AT_Z + "nonfinite"), "")[1]).isEqualTo(1);
    }

    @Test
    void topExamples() {
        Map<String, Tensor> s = state(new TopExamples(SampleCorpus.SPEC, List.of(Z), 3));
        for (String end : List.of("high/", "low/")) {
            same(s.get("top" + AT_Z + end + "window"), "top/" + end + "window");
            same(s.get("top" + AT_Z + end + "position"), "top/" + end + "position");
        }
    }

    @Test
    void histogram() {
        Histogram h = new Histogram(SampleCorpus.SPEC, List.of(Z));
        state(h);
        Tensor rate = EXPECTED.tensor("histogram/rate");
        for (int c = 0; c < rate.size(); c++) assertThat(h.firingRate(Z, c)).isCloseTo(rate.get(c), within(1e-15));
        double[] shares = {0.1, 0.25, 0.5, 0.9};
        for (int i = 0; i < shares.length; i++) {
            double exact = EXPECTED.tensor("histogram/quantiles").get(i);
            assertThat(h.quantile(Z, shares[i])).isCloseTo(exact, within(0.125 * Math.abs(exact)));
        }
    }

    @Test
    void squaresOfAMatrixsInput() {
        Reducer squares = new InputSquares(SweptModel.of(SampleCorpus.SPEC));
        Map<String, Tensor> s = state(squares, new java.util.TreeSet<>(List.of(Z)));
        same(s.get("imatrix" + AT_Z + "sum2"), "imatrix/sum2");
        same(s.get("imatrix" + AT_Z + "count"), "imatrix/count");
    }

    @Test
    void covariance() {
        Map<String, Tensor> s = state(new Covariance(SampleCorpus.SPEC, List.of(Z)));
        same(s.get("covariance" + AT_Z + "mean"), "covariance/mean");
        same(s.get("covariance" + AT_Z + "m2"), "covariance/m2");
    }

    @Test
    void loss() {
        Map<String, Tensor> s = state(new Loss(SampleCorpus.SPEC));
        for (String by : List.of("position", "token", "window")) same(s.get("loss/" + by + "/sum"), "loss/" + by);
    }

    @Test
    void lens() {
        Map<String, Tensor> s =
                state(new LayerLens(new SweptModel(SampleCorpus.SPEC, null, ReducerGoldenTest::unembed)));
        // The lens's logits are float32.
        for (int layer = 0; layer < 2; layer++) {
            assertThat(s.get("lens/loss/sum").get(layer))
                    .isCloseTo(EXPECTED.tensor("lens/loss").get(layer), within(1e-5));
        }
        same(s.get("lens/same_top"), "lens/same_top");
    }

    private static Tensor unembed(Tensor stream) {
        float[] x = stream.toFloats();
        float[] u = VALUES.tensor("unembed").toFloats(); // [d_model, vocab]
        int rows = x.length / 12;
        float[] y = new float[rows * 11];
        for (int r = 0; r < rows; r++) {
            for (int v = 0; v < 11; v++) {
                double sum = 0;
                for (int c = 0; c < 12; c++) sum += (double) x[r * 12 + c] * u[c * 11 + v];
                y[r * 11 + v] = (float) sum;
            }
        }
        return Tensor.of(y, 1, rows, 11);
    }

    @Test
    void heads() {
        Map<String, Tensor> s = state(new HeadRoles(SampleCorpus.SPEC));
        for (String kind :
                List.of("previous_token", "first_token", "self", "duplicate_token", "induction", "entropy")) {
            same(s.get("heads/blocks.1/" + kind + "/sum"), "heads/" + kind + "/sum");
            same(s.get("heads/blocks.1/" + kind + "/count"), "heads/" + kind + "/count");
        }
    }

    @Test
    void router() {
        Map<String, Tensor> s = state(new RouterLoads(SampleCorpus.SPEC));
        same(s.get("router/blocks.1/load"), "router/load");
        same(s.get("router/blocks.1/together"), "router/together");
        same(s.get("router/blocks.1/entropy/sum"), "router/entropy");
    }

    @Test
    void divergence() {
        OutputPairs pairs = new OutputPairs();
        for (int first = 0; first < 4; first += 2) {
            List<Tensor> sides = new ArrayList<>();
            for (String side : List.of("logits", "logits_b"))
                sides.add(VALUES.tensor(side).rows(first, first + 2));
            pairs.add(batch(first), sides.get(0), sides.get(1));
        }
        Map<String, Tensor> s = pairs.state();
        same(s.get(OutputPairs.AT + "nll_a"), "loss/window");
        for (String name : List.of("kl_ab", "kl_ba", "nll_b", "same_top"))
            same(s.get(OutputPairs.AT + name), "divergence/" + name);
    }
}
