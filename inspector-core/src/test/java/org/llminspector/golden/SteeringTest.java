package org.llminspector.golden;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.BitSet;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.SortedSet;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.stream.IntStream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;
import org.llminspector.base.Tensor;
import org.llminspector.capture.Capture;
import org.llminspector.capture.Intervention;
import org.llminspector.capture.Intervention.Op;
import org.llminspector.capture.InterventionBuilder;
import org.llminspector.engine.Batch;
import org.llminspector.engine.GradientRequest;
import org.llminspector.engine.GradientRequest.Target;
import org.llminspector.engine.Session;
import org.llminspector.engine.SessionRequest;
import org.llminspector.hook.Axis;
import org.llminspector.hook.HookId;
import org.llminspector.hook.HookPatterns;
import org.llminspector.hook.HookPoint;

/** Changes along a direction: equal to the formula over the clean value, in plain arrays, on both engines and in every way to run. */
class SteeringTest {

    private static final List<Op> OPS = List.of(Op.SCALE_ALONG, Op.CAP_ALONG, Op.ADD_ALONG);
    private static final HookId LOGITS = HookId.of(HookPoint.LOGITS);

    @TestFactory
    List<DynamicTest> everyFamily() {
        List<DynamicTest> tests = new ArrayList<>();
        List<Path> goldens = new ArrayList<>(Golden.all());
        goldens.addAll(Golden.in(Golden.ODD));
        goldens.addAll(Golden.in(Golden.FAMILIES));
        for (Path dir : goldens) {
            for (Kind kind : Kind.engines()) {
                tests.add(DynamicTest.dynamicTest(Golden.name(dir) + " on " + kind, () -> {
                    try (Golden g = new Golden(dir, kind)) {
                        HookId last =
                                HookId.of(HookPoint.RESID_PRE, g.engine.spec().nLayers() - 1);
                        isTheFormula(g, List.of(last));
                    }
                }));
            }
        }
        return tests;
    }

    /** Multi-head and grouped attention, experts, a latent cache, a recurrence beside attention. */
    @TestFactory
    List<DynamicTest> everyHookOfVectors() {
        List<DynamicTest> tests = new ArrayList<>();
        for (Path dir : List.of(
                Golden.ROOT.resolve("llama"),
                Golden.FAMILIES.resolve("mixtral"),
                Golden.FAMILIES.resolve("deepseek_v2"),
                Golden.FAMILIES.resolve("falcon_h1"))) {
            for (Kind kind : Kind.engines()) {
                tests.add(DynamicTest.dynamicTest(Golden.name(dir) + " on " + kind, () -> {
                    try (Golden g = new Golden(dir, kind)) {
                        List<HookId> hooks = HookPatterns.all(g.engine.spec()).stream()
                                .filter(id -> id.layer() <= 1 && vectors(id))
                                .toList();
                        assertThat(hooks).hasSizeGreaterThan(15);
                        isTheFormula(g, hooks);
                    }
                }));
            }
        }
        return tests;
    }

    private static boolean vectors(HookId id) {
        List<Axis> axes = id.point().axes();
        return axes.get(axes.size() - 1).coordinates()
                && id.point() != HookPoint.SSM_STATE
                && id.point() != HookPoint.RESULT; // asks for another order of summation
    }

    /** Each operation at each hook alone, with all features and with some, at all positions and at one. */
    private static void isTheFormula(Golden g, List<HookId> hooks) {
        int[] ids = g.ids("input_ids");
        Capture clean = run(g, ids, new TreeSet<>(hooks), List.of());
        for (HookId hook : hooks) {
            Tensor before = clean.get(hook);
            int width = (int) before.shape()[before.shape().length - 1];
            for (Op op : OPS) {
                for (boolean some : new boolean[] {false, true}) {
                    Intervention v = steer(hook, op, width, some);
                    Tensor after =
                            run(g, ids, new TreeSet<>(Set.of(hook)), List.of(v)).get(hook);
                    float[] expected = byHand(before, v);
                    double largest = 1;
                    for (float x : expected) largest = Math.max(largest, Math.abs(x));
                    assertThat(Golden.maxAbsDiff(after.toFloats(), expected))
                            .as("%s %s %s", op, hook, some)
                            .isLessThan(1e-5 * largest);
                    assertThat(Golden.maxAbsDiff(after.toFloats(), before.toFloats()))
                            .as("%s %s %s is felt", op, hook, some)
                            .isGreaterThan(0);
                }
            }
        }
    }

    private static Intervention steer(HookId hook, Op op, int width, boolean some) {
        InterventionBuilder v = InterventionBuilder.builder()
                .hook(hook.name())
                .op(op)
                .value(op == Op.SCALE_ALONG ? -0.7 : op == Op.CAP_ALONG ? -20.0 : 0.8);
        if (!some) return v.values(direction(width)).build();
        List<Integer> features =
                IntStream.range(0, width).filter(i -> i % 3 != 1).boxed().toList();
        return v.features(features)
                .positions(List.of(2))
                .values(direction(features.size()))
                .build();
    }

    /** Of a length far from 1. */
    private static List<Double> direction(int width) {
        Random random = new Random(width);
        return IntStream.range(0, width)
                .mapToObj(i -> 30 * random.nextGaussian())
                .toList();
    }

    /** The documented formulas, in doubles, vector by vector: [1, pos, .., width]. */
    private static float[] byHand(Tensor before, Intervention v) {
        long[] shape = before.shape();
        int width = (int) shape[shape.length - 1];
        int byPosition = (int) (before.size() / shape[1]);
        double[] unit = new double[width];
        double length = Math.sqrt(v.values().stream().mapToDouble(x -> x * x).sum());
        for (int i = 0; i < v.values().size(); i++) {
            unit[v.features() == null ? i : v.features().get(i)] = v.values().get(i) / length;
        }
        float[] out = before.toFloats();
        for (int at = 0; at < out.length; at += width) {
            if (v.positions() != null && !v.positions().contains(at / byPosition)) continue;
            double component = 0;
            double squares = 0;
            for (int i = 0; i < width; i++) {
                component += out[at + i] * unit[i];
                if (v.features() == null || v.features().contains(i)) squares += (double) out[at + i] * out[at + i];
            }
            double amount =
                    switch (v.op()) {
                        case SCALE_ALONG -> (v.value() - 1) * component;
                        case CAP_ALONG -> Math.min(v.value() - component, 0);
                        default -> v.value() * Math.sqrt(squares);
                    };
            for (int i = 0; i < width; i++) out[at + i] += (float) (amount * unit[i]);
        }
        return out;
    }

    /** What the formulas promise: along the direction nothing is left, or what is more than the cap; twice reflected is unchanged. */
    @Test
    void ablationCapAndReflection() {
        for (Kind kind : Kind.engines()) {
            try (Golden g = new Golden(Golden.ROOT.resolve("llama"), kind)) {
                int[] ids = g.ids("input_ids");
                HookId hook = HookId.of(HookPoint.RESID_POST, 1);
                SortedSet<HookId> seen = new TreeSet<>(Set.of(hook, LOGITS));
                int width = g.engine.spec().dModel();
                InterventionBuilder change =
                        InterventionBuilder.builder().hook(hook.name()).values(direction(width));
                Capture clean = run(g, ids, seen, List.of());
                double[] before = components(clean.get(hook), direction(width));
                Intervention ablate = change.op(Op.SCALE_ALONG).value(0.0).build();
                for (double c : components(run(g, ids, seen, List.of(ablate)).get(hook), direction(width))) {
                    assertThat(c).isCloseTo(0, within(1e-5));
                }
                double cap = Arrays.stream(before).sorted().toArray()[ids.length / 2];
                Intervention capped = change.op(Op.CAP_ALONG).value(cap).build();
                double[] after = components(run(g, ids, seen, List.of(capped)).get(hook), direction(width));
                for (int p = 0; p < ids.length; p++) {
                    assertThat(after[p]).isCloseTo(Math.min(cap, before[p]), within(1e-5));
                }
                Intervention reflect = change.op(Op.SCALE_ALONG).value(-1.0).build();
                double[] mirrored =
                        components(run(g, ids, seen, List.of(reflect)).get(hook), direction(width));
                for (int p = 0; p < ids.length; p++) assertThat(mirrored[p]).isCloseTo(-before[p], within(1e-5));
                float[] twice =
                        run(g, ids, seen, List.of(reflect, reflect)).get(LOGITS).toFloats();
                assertThat(Golden.maxAbsDiff(twice, clean.get(LOGITS).toFloats()))
                        .isLessThan(1e-4);
            }
        }
    }

    private static double[] components(Tensor value, List<Double> direction) {
        double length = Math.sqrt(direction.stream().mapToDouble(x -> x * x).sum());
        double[] of = new double[(int) value.shape()[1]];
        for (int p = 0; p < of.length; p++) {
            for (int i = 0; i < direction.size(); i++) {
                of[p] += value.get((long) p * direction.size() + i) * direction.get(i) / length;
            }
        }
        return of;
    }

    /** A direction has no length, however large or small its numbers are. */
    @Test
    void onlyTheDirectionCounts() {
        for (Kind kind : Kind.engines()) {
            try (Golden g = new Golden(Golden.ROOT.resolve("llama"), kind)) {
                int[] ids = g.ids("input_ids");
                float[] first = null;
                for (double length : new double[] {1, 1e-300, 1e38}) {
                    Intervention v = InterventionBuilder.builder()
                            .hook("blocks.1.hook_resid_post")
                            .op(Op.ADD_ALONG)
                            .features(List.of(3, 5))
                            .values(List.of(3 * length, 2 * length))
                            .value(2.0)
                            .build();
                    float[] logits = run(g, ids, new TreeSet<>(Set.of(LOGITS)), List.of(v))
                            .get(LOGITS)
                            .toFloats();
                    if (first == null) first = logits;
                    assertThat(logits).isEqualTo(first);
                }
            }
        }
    }

    /** The cache of a steered sequence, token by token, and rows of a batch, of which one is steered. */
    @Test
    void inPiecesAndInABatch() {
        for (String model : List.of("llama", "gpt2", "gemma3")) {
            for (Kind kind : Kind.engines()) {
                try (Golden g = new Golden(Golden.ROOT.resolve(model), kind)) {
                    for (Op op : OPS) inPiecesAndInABatch(g, op);
                }
            }
        }
    }

    private static void inPiecesAndInABatch(Golden g, Op op) {
        int[] ids = g.ids("input_ids");
        SortedSet<HookId> seen = new TreeSet<>(Set.of(LOGITS));
        HookId hook = HookId.of(HookPoint.RESID_POST, 0);
        List<Intervention> change = List.of(steer(hook, op, g.engine.spec().dModel(), false));
        float[] whole = run(g, ids, seen, change).get(LOGITS).toFloats();
        try (Session s = g.engine.begin(new SessionRequest(ids.length, seen, change, List.of()))) {
            s.append(Arrays.copyOf(ids, 5));
            for (int i = 5; i < ids.length; i++) s.append(new int[] {ids[i]});
            assertThat(Golden.maxAbsDiff(s.capture().get(LOGITS).toFloats(), whole))
                    .as("in pieces, %s", op)
                    .isLessThan(2e-4);
        }
        float[] plain = run(g, ids, seen, List.of()).get(LOGITS).toFloats();
        assertThat(Golden.maxAbsDiff(plain, whole)).isGreaterThan(1e-2);
        BitSet second = new BitSet();
        second.set(1);
        Map<HookId, float[]> rows = new TreeMap<>();
        SessionRequest pass = new SessionRequest(ids.length, seen, change, List.of());
        g.engine.run(new Batch(new int[][] {ids, ids}, pass, List.of(second)), (id, v) -> rows.put(id, v.toFloats()));
        float[] both = rows.get(LOGITS);
        assertThat(Golden.maxAbsDiff(Arrays.copyOf(both, plain.length), plain)).isLessThan(1e-4);
        assertThat(Golden.maxAbsDiff(Arrays.copyOfRange(both, plain.length, both.length), whole))
                .as("in a batch, %s", op)
                .isLessThan(1e-4);
    }

    /** Through each operation a gradient is the slope of two runs; a norm of nothing picked must not make it NaN. */
    @Test
    void gradients() {
        try (Golden g = new Golden(Golden.ROOT.resolve("llama"), Kind.TORCH)) {
            int[] ids = g.ids("input_ids");
            HookId embed = HookId.of(HookPoint.EMBED);
            int last = ids.length - 1;
            for (Op op : OPS) {
                Intervention change = steer(
                        HookId.of(HookPoint.RESID_POST, 0), op, g.engine.spec().dModel(), true);
                SessionRequest pass = new SessionRequest(ids.length, new TreeSet<>(), List.of(change), List.of());
                Target target = new Target(last, 7, GradientRequest.Of.LOGIT, 1);
                Tensor slope = g.engine
                        .gradients(new GradientRequest(ids, List.of(target), new TreeSet<>(Set.of(embed)), false, pass))
                        .hooks()
                        .get(embed);
                float[] values = slope.toFloats();
                double norm = 0;
                for (float v : values) norm += (double) v * v;
                norm = Math.sqrt(norm);
                double step = 1e-2;
                double[] ends = new double[2];
                for (int end = 0; end < 2; end++) {
                    float[] nudge = values.clone();
                    for (int i = 0; i < nudge.length; i++) nudge[i] *= (float) ((end == 0 ? -step : step) / norm);
                    Intervention nudged = InterventionBuilder.builder()
                            .hook(embed.name())
                            .op(Op.ADD)
                            .build();
                    List<Map<HookId, Tensor>> sources = List.of(Map.of(embed, Tensor.of(nudge, slope.shape())));
                    try (Session s = g.engine.begin(new SessionRequest(
                            ids.length, new TreeSet<>(Set.of(LOGITS)), List.of(nudged, change), sources))) {
                        ends[end] = s.append(ids)[7];
                    }
                }
                assertThat((ends[1] - ends[0]) / (2 * step)).as(op.name()).isCloseTo(norm, within(0.02 * norm + 2e-3));
            }
        }
    }

    private static Capture run(Golden g, int[] ids, SortedSet<HookId> hooks, List<Intervention> changes) {
        try (Session s = g.engine.begin(new SessionRequest(ids.length, hooks, changes, List.of()))) {
            s.append(ids);
            return s.capture();
        }
    }
}
