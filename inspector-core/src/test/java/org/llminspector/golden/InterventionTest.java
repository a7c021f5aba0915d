package org.llminspector.golden;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeSet;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.AfterParameterizedClassInvocation;
import org.junit.jupiter.params.BeforeParameterizedClassInvocation;
import org.junit.jupiter.params.Parameter;
import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.provider.MethodSource;
import org.llminspector.base.Tensor;
import org.llminspector.capture.Capture;
import org.llminspector.capture.Intervention;
import org.llminspector.capture.Intervention.Op;
import org.llminspector.engine.Session;
import org.llminspector.engine.SessionRequest;
import org.llminspector.hook.HookId;
import org.llminspector.hook.HookPatterns;
import org.llminspector.hook.HookPoint;

/** Every operation, at exactly the picked cells and nowhere else, in the prompt and while generating. */
@ParameterizedClass
@MethodSource("org.llminspector.golden.Kind#engines")
class InterventionTest {

    private static Golden golden;
    private static int[] ids;
    private static Capture clean;

    @Parameter
    Kind kind;

    @BeforeParameterizedClassInvocation
    static void open(Kind kind) {
        golden = new Golden(Golden.ROOT.resolve("llama"), kind);
        ids = java.util.Arrays.copyOf(golden.ids("input_ids"), 12);
        clean = golden.capture(ids, HookPatterns.all(golden.engine.spec()));
    }

    @AfterParameterizedClassInvocation
    static void close() {
        golden.close();
    }

    @Test
    void zeroAtOneCell() {
        Tensor z = changed(HookPoint.Z, 1, op(Op.ZERO, List.of(2), List.of(5), null, List.of(3), null, null));
        cells(z, HookPoint.Z, 1, (pos, head, d, before) -> pos == 5 && head == 2 && d == 3 ? 0 : before);
    }

    @Test
    void scaleAHead() {
        Tensor z = changed(HookPoint.Z, 0, op(Op.SCALE, List.of(1), null, null, null, 2.5, null));
        cells(z, HookPoint.Z, 0, (pos, head, d, before) -> head == 1 ? before * 2.5f : before);
    }

    @Test
    void addASteeringVectorToPickedFeatures() {
        Tensor q = changed(HookPoint.Q, 2, op(Op.ADD, null, List.of(4), null, List.of(0, 7), null, List.of(1.0, -2.0)));
        cells(
                q,
                HookPoint.Q,
                2,
                (pos, head, d, before) -> pos == 4 && d == 0 ? before + 1 : pos == 4 && d == 7 ? before - 2 : before);
    }

    @Test
    void replaceWithANumber() {
        Tensor k = changed(HookPoint.K, 1, op(Op.REPLACE, List.of(0), List.of(0, 11), null, null, 0.5, null));
        cells(k, HookPoint.K, 1, (pos, head, d, before) -> head == 0 && (pos == 0 || pos == 11) ? 0.5f : before);
    }

    @Test
    void meanIsOverThePrompt() {
        Tensor v = changed(HookPoint.V, 0, op(Op.MEAN, List.of(1), null, null, null, null, null));
        Tensor before = clean.get(HookId.of(HookPoint.V, 0));
        int dHead = (int) before.shape()[3];
        int heads = (int) before.shape()[2];
        double[] mean = new double[dHead];
        for (int p = 0; p < ids.length; p++) {
            for (int d = 0; d < dHead; d++) {
                mean[d] += before.get(((long) p * heads + 1) * dHead + d) / ids.length;
            }
        }
        cells(v, HookPoint.V, 0, (pos, head, d, old) -> head == 1 ? (float) mean[d] : old);
    }

    @Test
    void knockOutOneAttentionEdge() {
        Tensor p = changed(HookPoint.PATTERN, 1, op(Op.ZERO, List.of(0), List.of(9), List.of(3), null, null, null));
        Tensor before = clean.get(HookId.of(HookPoint.PATTERN, 1));
        int n = ids.length;
        for (long i = 0; i < p.size(); i++) {
            boolean picked = i / ((long) n * n) == 0 && i / n % n == 9 && i % n == 3;
            assertThat(p.get(i)).isEqualTo(picked ? 0.0 : before.get(i));
        }
    }

    @Test
    void aMaskedEdgesWeightGoesToTheQuerysOtherKeys() {
        Pending edge = op(Op.MASK, List.of(2), List.of(9), List.of(3), null, null, null);
        Capture after = run(List.of(edge.apply(HookPoint.ATTN_SCORES, 1)), List.of());
        Tensor before = clean.get(HookId.of(HookPoint.PATTERN, 1)); // [1, head, query, key]
        Tensor pattern = after.get(HookId.of(HookPoint.PATTERN, 1));
        Tensor scores = after.get(HookId.of(HookPoint.ATTN_SCORES, 1));
        int n = ids.length;
        int row = (2 * n + 9) * n;
        for (int i = 0; i < pattern.size(); i++) {
            boolean sameQuery = i >= row && i < row + n;
            // By hand: what is left of the row, over its sum.
            double expected = !sameQuery ? before.get(i) : i == row + 3 ? 0 : before.get(i) / (1 - before.get(row + 3));
            assertThat(pattern.get(i)).as("cell %d", i).isCloseTo(expected, org.assertj.core.data.Offset.offset(1e-6));
        }
        assertThat(scores.get(row + 3)).isEqualTo(Double.NEGATIVE_INFINITY);
        assertThat(scores.get(row + 2))
                .isEqualTo(clean.get(HookId.of(HookPoint.ATTN_SCORES, 1)).get(row + 2));
        HookId logits = HookId.of(HookPoint.LOGITS);
        int vocab = golden.engine.spec().vocab();
        for (int v = 0; v < vocab; v++) {
            assertThat(after.get(logits).get(8L * vocab + v))
                    .isEqualTo(clean.get(logits).get(8L * vocab + v));
        }
        assertThat(Golden.maxAbsDiff(
                        after.get(logits).toFloats(), clean.get(logits).toFloats()))
                .isGreaterThan(1e-5);
    }

    @Test
    void replacingEverythingFromTheSameRunChangesNothing() {
        List<Intervention> all = new ArrayList<>();
        List<Map<HookId, Tensor>> sources = new ArrayList<>();
        clean.tensors().forEach((hook, tensor) -> {
            // hook_result asks for another order of summation.
            if (hook.point() == HookPoint.RESULT) return;
            all.add(new Intervention(hook.name(), Op.REPLACE, null, null, null, null, null, null, null));
            sources.add(Map.of(hook, tensor));
        });
        HookId logits = HookId.of(HookPoint.LOGITS);
        assertThat(Golden.maxAbsDiff(
                        run(all, sources).get(logits).toFloats(),
                        clean.get(logits).toFloats()))
                .isLessThan(1e-4);
    }

    @Test
    void patchingTheLastResidualGivesTheOtherPromptsAnswer() {
        int[] other = ids.clone();
        for (int i = 0; i < other.length; i++)
            other[i] = (other[i] * 7 + 3) % golden.engine.spec().vocab();
        HookId last = HookId.of(HookPoint.RESID_POST, golden.engine.spec().nLayers() - 1);
        Capture donor = golden.capture(other, HookPatterns.all(golden.engine.spec()));
        Intervention patch = new Intervention(last.name(), Op.REPLACE, null, List.of(6), null, null, null, null, null);
        Capture patched = run(List.of(patch), List.of(Map.of(last, donor.get(last))));
        HookId logits = HookId.of(HookPoint.LOGITS);
        int vocab = golden.engine.spec().vocab();
        for (int v = 0; v < vocab; v++) {
            assertThat(patched.get(logits).get(6L * vocab + v))
                    .isCloseTo(donor.get(logits).get(6L * vocab + v), org.assertj.core.data.Offset.offset(1e-4));
            assertThat(patched.get(logits).get(5L * vocab + v))
                    .isEqualTo(clean.get(logits).get(5L * vocab + v));
        }
    }

    @Test
    void anInterventionHoldsWhileGenerating() {
        Intervention zero =
                op(Op.ZERO, List.of(2), null, null, null, null, null).apply(HookPoint.Z, 1);
        Intervention late = op(Op.ADD, null, List.of(11), null, null, 3.0, null).apply(HookPoint.RESID_POST, 0);
        float[] whole;
        try (Session s = session(List.of(zero, late), List.of())) {
            whole = s.append(ids);
        }
        try (Session s = session(List.of(zero, late), List.of())) {
            s.append(java.util.Arrays.copyOf(ids, 8));
            float[] logits = null;
            for (int i = 8; i < ids.length; i++) logits = s.append(new int[] {ids[i]});
            assertThat(Golden.maxAbsDiff(logits, whole)).isLessThan(2e-4);
        }
    }

    private interface Pending {
        Intervention apply(HookPoint point, int layer);
    }

    private interface Cell {
        float at(int pos, int head, int d, float before);
    }

    private static Pending op(
            Op op,
            List<Integer> heads,
            List<Integer> positions,
            List<Integer> keys,
            List<Integer> features,
            Double value,
            List<Double> values) {
        return (point, layer) -> new Intervention(
                HookId.of(point, layer).name(), op, heads, positions, keys, features, value, values, null);
    }

    private static Tensor changed(HookPoint point, int layer, Pending pending) {
        return run(List.of(pending.apply(point, layer)), List.of()).get(HookId.of(point, layer));
    }

    private static Capture run(List<Intervention> interventions, List<Map<HookId, Tensor>> sources) {
        try (Session s = session(interventions, sources)) {
            s.append(ids);
            return s.capture();
        }
    }

    private static Session session(List<Intervention> interventions, List<Map<HookId, Tensor>> sources) {
        TreeSet<HookId> all = new TreeSet<>(HookPatterns.all(golden.engine.spec()));
        all.removeIf(h -> h.point() == HookPoint.RESULT);
        return golden.engine.begin(new SessionRequest(ids.length, all, interventions, sources));
    }

    private static void cells(Tensor after, HookPoint point, int layer, Cell expected) {
        Tensor before = clean.get(HookId.of(point, layer));
        int heads = (int) before.shape()[2];
        int dHead = (int) before.shape()[3];
        for (int p = 0; p < ids.length; p++) {
            for (int h = 0; h < heads; h++) {
                for (int d = 0; d < dHead; d++) {
                    long i = ((long) p * heads + h) * dHead + d;
                    assertThat((float) after.get(i))
                            .isCloseTo(
                                    expected.at(p, h, d, (float) before.get(i)),
                                    org.assertj.core.data.Offset.offset(1e-6f));
                }
            }
        }
    }
}
