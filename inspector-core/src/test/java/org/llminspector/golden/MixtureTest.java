package org.llminspector.golden;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeSet;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.llminspector.base.Problem;
import org.llminspector.base.Tensor;
import org.llminspector.capture.Capture;
import org.llminspector.capture.Intervention;
import org.llminspector.capture.Intervention.Op;
import org.llminspector.capture.InterventionCheck;
import org.llminspector.engine.InspectorEngine;
import org.llminspector.engine.Session;
import org.llminspector.engine.SessionRequest;
import org.llminspector.family.Weights;
import org.llminspector.hook.HookId;
import org.llminspector.hook.HookPatterns;
import org.llminspector.hook.HookPoint;

/** What is changed inside a mixture has the effect that the same change of its weights has. */
class MixtureTest {

    private static final int LAYER = 1;
    private static final String EXPERTS = "blocks.1.mlp.experts.";

    /** Of at most 17; how rows are brought together, and so rounded, differs. */
    private static final double ROUNDING = 2e-4;

    @ParameterizedTest
    @EnumSource(names = {"TORCH", "ONNX"})
    void aSilencedExpertIsOneThatWritesNothing(Kind kind) {
        try (Golden g = open(kind)) {
            Weights silent = g.weights.changed(
                    (EXPERTS + "2.out.weight")::equals, (name, w) -> Tensor.of(new float[(int) w.size()], w.shape()));
            Intervention zero = change(HookPoint.EXPERT_GATES, Op.ZERO, null, List.of(2), null, null);
            same(g, kind, List.of(zero), silent);
        }
    }

    @ParameterizedTest
    @EnumSource(names = {"TORCH", "ONNX"})
    void tokensSentToAnotherExpertGetItsAnswer(Kind kind) {
        try (Golden g = open(kind)) {
            Weights alike = g.weights.changed(
                    name -> name.startsWith(EXPERTS),
                    (name, w) -> g.weights.get(name.replaceFirst("experts\\.\\d+", "experts.3")));
            Intervention to = change(HookPoint.EXPERT_INDICES, Op.REPLACE, null, null, 3.0, null);
            same(g, kind, List.of(to), alike);
            Capture sent = run(g.engine, g.ids("input_ids"), List.of(to));
            for (float e : floats(sent, HookPoint.EXPERT_INDICES)) assertThat(e).isEqualTo(3);
            float[] gates = floats(sent, HookPoint.EXPERT_GATES);
            for (int i = 0; i < gates.length; i++) {
                assertThat(gates[i]).isCloseTo(i % 4 == 3 ? 1f : 0f, org.assertj.core.data.Offset.offset(1e-6f));
            }
        }
    }

    /** Both slots of a token then share expert 3's gate, which is changed as a whole. */
    @ParameterizedTest
    @EnumSource(names = {"TORCH", "ONNX"})
    void slotsOfOneExpertShareItsGate(Kind kind) {
        try (Golden g = open(kind)) {
            Intervention to = change(HookPoint.EXPERT_INDICES, Op.REPLACE, null, null, 3.0, null);
            Intervention gate = change(HookPoint.EXPERT_GATES, Op.REPLACE, null, List.of(3), 0.5, null);
            Capture c = run(g.engine, g.ids("input_ids"), List.of(to, gate));
            float[] out = floats(c, HookPoint.EXPERT_OUT);
            float[] mlp = floats(c, HookPoint.MLP_OUT);
            int d = g.engine.spec().dModel();
            for (int i = 0; i < mlp.length; i++) {
                assertThat(mlp[i])
                        .isCloseTo(0.5f * out[i / d * 2 * d + i % d], org.assertj.core.data.Offset.offset((float)
                                ROUNDING));
            }
        }
    }

    @ParameterizedTest
    @EnumSource(names = {"TORCH", "ONNX"})
    void aMaskedExpertIsChosenByNobodyAndTheOthersShareItsWeight(Kind kind) {
        try (Golden g = open(kind)) {
            int[] ids = g.ids("input_ids");
            Intervention mask = change(HookPoint.ROUTER_LOGITS, Op.MASK, null, List.of(0), null, null);
            Capture before = run(g.engine, ids, List.of());
            Capture after = run(g.engine, ids, List.of(mask));
            assertThat(floats(before, HookPoint.EXPERT_INDICES)).contains(0f);
            assertThat(floats(after, HookPoint.EXPERT_INDICES)).doesNotContain(0f);
            float[] weights = floats(after, HookPoint.EXPERT_WEIGHTS);
            for (int p = 0; p < weights.length; p += 2)
                assertThat((double) weights[p] + weights[p + 1])
                        .isCloseTo(1, org.assertj.core.data.Offset.offset(1e-6));
        }
    }

    @ParameterizedTest
    @EnumSource(names = {"TORCH", "ONNX"})
    void onlyTheTokenThatIsMeantAndThoseAfterItChange(Kind kind) {
        try (Golden g = open(kind)) {
            int[] ids = g.ids("input_ids");
            Intervention one = change(HookPoint.EXPERT_WEIGHTS, Op.ZERO, List.of(5), List.of(0), null, null);
            Capture before = run(g.engine, ids, List.of());
            Capture after = run(g.engine, ids, List.of(one));
            int d = g.engine.spec().dModel();
            float[] was = floats(before, HookPoint.MLP_OUT);
            float[] is = floats(after, HookPoint.MLP_OUT);
            for (int p = 0; p < ids.length; p++) {
                double far = Golden.maxAbsDiff(
                        java.util.Arrays.copyOfRange(was, p * d, (p + 1) * d),
                        java.util.Arrays.copyOfRange(is, p * d, (p + 1) * d));
                if (p == 5) assertThat(far).isGreaterThan(0.1);
                else assertThat(far).isLessThan(ROUNDING);
            }
        }
    }

    @ParameterizedTest
    @EnumSource(names = {"TORCH", "ONNX"})
    void aNeuronOfTheChosenExpertsIsChanged(Kind kind) {
        try (Golden g = open(kind)) {
            Weights without = g.weights.changed(
                    name -> name.startsWith(EXPERTS) && name.endsWith("out.weight"), (name, w) -> column(w, 7));
            Intervention zero = change(HookPoint.EXPERT_POST, Op.ZERO, null, List.of(7), null, null);
            same(g, kind, List.of(zero), without);
        }
    }

    @ParameterizedTest
    @EnumSource(names = {"TORCH"})
    void whatMakesNoSenseOfAnExpertIsRefused(Kind kind) {
        try (Golden g = open(kind)) {
            refused(g, change(HookPoint.EXPERT_INDICES, Op.ZERO, null, null, null, null), "can only be replaced");
            refused(g, change(HookPoint.EXPERT_INDICES, Op.REPLACE, null, null, 4.0, null), "no such expert");
            refused(g, change(HookPoint.EXPERT_INDICES, Op.REPLACE, null, null, 1.5, null), "no such expert");
            refused(g, change(HookPoint.ROUTER_LOGITS, Op.MASK, null, null, null, null), "no expert would be left");
            refused(g, change(HookPoint.EXPERT_POST, Op.MASK, null, null, null, null), "can be masked");
        }
    }

    private static void refused(Golden g, Intervention v, String why) {
        assertThatThrownBy(() -> InterventionCheck.check(g.engine.spec(), List.of(v), 8))
                .isInstanceOf(Problem.class)
                .hasMessageContaining(why);
    }

    private static Golden open(Kind kind) {
        return new Golden(Golden.FAMILIES.resolve("mixtral"), kind);
    }

    /** The changed run's logits are those of changed weights, and not those of the model as it is. */
    private static void same(Golden g, Kind kind, List<Intervention> changes, Weights weights) {
        int[] ids = g.ids("input_ids");
        try (InspectorEngine other = kind.open(weights)) {
            float[] expected =
                    run(other, ids, List.of()).get(HookId.of(HookPoint.LOGITS)).toFloats();
            float[] found =
                    run(g.engine, ids, changes).get(HookId.of(HookPoint.LOGITS)).toFloats();
            assertThat(Golden.maxAbsDiff(found, expected)).isLessThan(ROUNDING);
            assertThat(Golden.maxAbsDiff(found, g.values("logits"))).isGreaterThan(0.1);
        }
    }

    private static Capture run(InspectorEngine engine, int[] ids, List<Intervention> changes) {
        List<Map<HookId, Tensor>> sources = new ArrayList<>();
        for (int i = 0; i < changes.size(); i++) sources.add(Map.of());
        try (Session s = engine.begin(
                new SessionRequest(ids.length, new TreeSet<>(HookPatterns.all(engine.spec())), changes, sources))) {
            s.append(ids);
            return s.capture();
        }
    }

    private static Intervention change(
            HookPoint point,
            Op op,
            List<Integer> positions,
            List<Integer> features,
            Double value,
            List<Double> values) {
        return new Intervention(
                HookId.of(point, LAYER).name(), op, null, positions, null, features, value, values, null);
    }

    private static float[] floats(Capture c, HookPoint point) {
        return c.get(HookId.of(point, LAYER)).toFloats();
    }

    private static Tensor column(Tensor w, int zero) {
        float[] values = w.toFloats();
        int cols = (int) w.shape()[1];
        for (int i = zero; i < values.length; i += cols) values[i] = 0;
        return Tensor.of(values, w.shape());
    }
}
