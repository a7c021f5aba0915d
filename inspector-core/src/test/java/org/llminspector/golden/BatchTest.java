package org.llminspector.golden;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.List;
import java.util.Map;
import java.util.SortedSet;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.stream.IntStream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;
import org.llminspector.base.Problem;
import org.llminspector.base.Tensor;
import org.llminspector.capture.Capture;
import org.llminspector.capture.Intervention;
import org.llminspector.engine.Batch;
import org.llminspector.engine.InspectorEngine;
import org.llminspector.engine.Precision;
import org.llminspector.engine.Session;
import org.llminspector.engine.SessionRequest;
import org.llminspector.hook.HookId;
import org.llminspector.hook.HookPatterns;
import org.llminspector.hook.HookPoint;

/** Rows of a batch have the values that each has alone, and are changed each by its own interventions. */
class BatchTest {

    private static final int ROWS = 3;

    @TestFactory
    List<DynamicTest> rows() {
        List<DynamicTest> tests = new ArrayList<>();
        List<Path> goldens = new ArrayList<>(Golden.all());
        goldens.addAll(Golden.in(Golden.ODD));
        goldens.addAll(Golden.in(Golden.FAMILIES));
        for (Path dir : goldens) {
            for (Kind kind : Kind.engines()) {
                String name = Golden.name(dir) + " on " + kind;
                tests.add(DynamicTest.dynamicTest(name + ": each row as alone", () -> asAlone(dir, kind)));
                tests.add(DynamicTest.dynamicTest(name + ": changed by row", () -> changedByRow(dir, kind)));
            }
        }
        return tests;
    }

    @Test
    void rowsHaveEqualLengths() {
        assertThatThrownBy(() -> Batch.of(new int[][] {{1, 2}, {3}}, new TreeSet<>()))
                .isInstanceOf(Problem.class)
                .hasMessageContaining("equal lengths")
                .hasMessageContaining("row 1");
        assertThatThrownBy(() -> Batch.of(new int[0][], new TreeSet<>())).isInstanceOf(Problem.class);
    }

    /** A graph of another program runs its rows in turns; two rows, so that the second does not read the first's memory. */
    @Test
    void rowsOfAnExportedGraph() {
        try (Exported m = new Exported(ExportedTest.ROOT.resolve("llama"))) {
            int[][] rows = {{5, 6, 7, 8}, {9, 4, 3, 2}};
            SortedSet<HookId> hooks = m.found();
            Map<HookId, float[]> together = new TreeMap<>();
            m.engine.run(Batch.of(rows, hooks), (id, value) -> together.put(id, value.toFloats()));
            assertThat(together.keySet()).containsExactlyElementsOf(hooks);
            try (Session s = m.engine.begin(new SessionRequest(4, hooks, List.of(), List.of()))) {
                s.append(rows[1]);
                Capture alone = s.capture();
                together.forEach((id, values) -> {
                    int size = values.length / 2;
                    assertThat(java.util.Arrays.copyOfRange(values, size, 2 * size))
                            .as(id.name())
                            .isEqualTo(alone.get(id).toFloats());
                });
            }
        }
    }

    /** Activations have a scale each position, whatever the other rows are: what differs is far less than what INT8 costs. */
    @Test
    void rowsOfQuantizedWeights() {
        for (Precision precision : List.of(Precision.INT8, Precision.INT4_32)) {
            try (Golden exact = new Golden(Golden.ROOT.resolve("llama"), Kind.ONNX);
                    InspectorEngine engine = Kind.ONNX.open(exact.weights, precision)) {
                int[][] rows = rows(exact);
                HookId logits = HookId.of(HookPoint.LOGITS);
                float[] together =
                        new float[ROWS * rows[0].length * engine.spec().vocab()];
                engine.run(
                        Batch.of(rows, new TreeSet<>(List.of(logits))),
                        (id, value) -> System.arraycopy(value.toFloats(), 0, together, 0, together.length));
                for (int r = 0; r < ROWS; r++) {
                    float[] alone = Golden.logits(engine, rows[r], rows[r].length, true);
                    float[] fp32 = Golden.logits(exact.engine, rows[r], rows[r].length, true);
                    double cost = Golden.maxAbsDiff(fp32, alone);
                    assertThat(cost).isGreaterThan(1e-3);
                    assertThat(Golden.maxAbsDiff(row(together, r), alone)).isLessThan(cost / 3);
                }
            }
        }
    }

    /** The golden's text, and two others of its tokens. */
    private static int[][] rows(Golden g) {
        int[] ids = g.ids("input_ids");
        int n = ids.length;
        return IntStream.range(0, ROWS)
                .mapToObj(r -> IntStream.range(0, n)
                        .map(i -> r == 2 ? ids[n - 1 - i] : ids[(i + r) % n])
                        .toArray())
                .toArray(int[][]::new);
    }

    private static void asAlone(Path dir, Kind kind) {
        try (Golden g = new Golden(dir, kind)) {
            int[][] rows = rows(g);
            SortedSet<HookId> hooks = new TreeSet<>(HookPatterns.all(g.engine.spec()));
            Map<HookId, float[]> together = run(g, Batch.of(rows, hooks));
            assertThat(together.keySet()).containsExactlyElementsOf(hooks);
            for (int r = 0; r < ROWS; r++) {
                try (Capture alone = alone(g, rows[r], hooks, List.of(), List.of())) {
                    for (HookId id : hooks)
                        same(g, id, row(together.get(id), r), alone.get(id).toFloats());
                }
            }
            float[] logits = together.get(HookId.of(HookPoint.LOGITS));
            assertThat(Golden.maxAbsDiff(row(logits, 0), row(logits, 1))).isGreaterThan(1e-2);
        }
    }

    /** Row 0 is left alone, in row 1 a stream is scaled at one position, row 2 takes what row 0 has there. */
    private static void changedByRow(Path dir, Kind kind) {
        try (Golden g = new Golden(dir, kind)) {
            int[][] rows = rows(g);
            HookId at = new HookId(HookPoint.RESID_POST, 0);
            SortedSet<HookId> hooks = new TreeSet<>(List.of(at, HookId.of(HookPoint.LOGITS)));
            Map<HookId, float[]> plain = run(g, Batch.of(rows, hooks));
            long[] shape = {1, rows[0].length, g.engine.spec().dModel()};
            Tensor source = Tensor.of(row(plain.get(at), 0), shape);
            Intervention scaled =
                    new Intervention(at.name(), Intervention.Op.SCALE, null, List.of(1), null, null, 0.5, null, null);
            Intervention replaced = new Intervention(
                    at.name(),
                    Intervention.Op.REPLACE,
                    null,
                    List.of(2),
                    null,
                    null,
                    null,
                    null,
                    new Intervention.From("run", null));
            List<Intervention> changes = List.of(scaled, replaced);
            List<Map<HookId, Tensor>> sources = List.of(Map.of(), Map.of(at, source));
            SessionRequest request = new SessionRequest(rows[0].length, hooks, changes, sources);
            BitSet one = new BitSet();
            one.set(1);
            BitSet two = new BitSet();
            two.set(2);
            Map<HookId, float[]> changed = run(g, new Batch(rows, request, List.of(one, two)));
            for (HookId id : hooks) {
                same(g, id, row(changed.get(id), 0), row(plain.get(id), 0));
                for (int r = 1; r < ROWS; r++) {
                    List<Intervention> own = List.of(changes.get(r - 1));
                    try (Capture alone = alone(g, rows[r], hooks, own, List.of(sources.get(r - 1)))) {
                        same(g, id, row(changed.get(id), r), alone.get(id).toFloats());
                    }
                    assertThat(Golden.maxAbsDiff(row(changed.get(id), r), row(plain.get(id), r)))
                            .as(id.name())
                            .isGreaterThan(id.equals(at) ? 1e-2 : 1e-6);
                }
            }
        }
    }

    private static Map<HookId, float[]> run(Golden g, Batch batch) {
        Map<HookId, float[]> values = new TreeMap<>();
        g.engine.run(batch, (id, value) -> {
            assertThat(value.shape()[0]).as(id.name()).isEqualTo(batch.size());
            assertThat(values.put(id, value.toFloats())).isNull();
        });
        return values;
    }

    private static Capture alone(
            Golden g,
            int[] row,
            SortedSet<HookId> hooks,
            List<Intervention> changes,
            List<Map<HookId, Tensor>> sources) {
        try (Session s = g.engine.begin(new SessionRequest(row.length, hooks, changes, sources))) {
            s.append(row);
            return s.capture();
        }
    }

    private static float[] row(float[] values, int row) {
        int size = values.length / ROWS;
        return java.util.Arrays.copyOfRange(values, row * size, (row + 1) * size);
    }

    private static void same(Golden g, HookId id, float[] found, float[] expected) {
        double largest = 0;
        for (float v : expected) if (Float.isFinite(v)) largest = Math.max(largest, Math.abs(v));
        assertThat(Golden.maxAbsDiff(found, expected))
                .as(id.name())
                .isLessThan(Math.max(Math.max(1e-4, g.tolerance("layer_out")), 1e-5 * largest));
    }
}
