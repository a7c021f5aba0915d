package org.llminspector.golden;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.TreeSet;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.TestFactory;
import org.llminspector.base.Problem;
import org.llminspector.base.Tensor;
import org.llminspector.capture.Capture;
import org.llminspector.capture.Intervention;
import org.llminspector.capture.Intervention.Op;
import org.llminspector.capture.InterventionCheck;
import org.llminspector.engine.Session;
import org.llminspector.engine.SessionRequest;
import org.llminspector.engine.cache.KvCacheReport;
import org.llminspector.engine.cache.KvPrefix;
import org.llminspector.engine.cache.LayerState;
import org.llminspector.hook.HookId;
import org.llminspector.hook.HookPoint;
import org.llminspector.hook.HookPresence;
import org.llminspector.spec.DecoderSpec;

/** What layers with a recurrence keep, and what is changed in their states, in every family that has them. */
class RecurrenceTest {

    private static final HookId LOGITS = HookId.of(HookPoint.LOGITS);

    @TestFactory
    List<DynamicTest> states() {
        List<DynamicTest> tests = new ArrayList<>();
        for (Path dir : Golden.in(Golden.FAMILIES)) {
            if (!recurrent(dir)) continue;
            for (Kind kind : List.of(Kind.TORCH, Kind.ONNX)) {
                String name = Golden.name(dir) + " on " + kind;
                tests.add(DynamicTest.dynamicTest(name + ": bytes", () -> bytes(dir, kind)));
                tests.add(DynamicTest.dynamicTest(name + ": a prefix goes on bit for bit", () -> prefix(dir, kind)));
                tests.add(DynamicTest.dynamicTest(name + ": a changed state holds and runs on", () -> held(dir, kind)));
                tests.add(DynamicTest.dynamicTest(name + ": a changed write runs on", () -> written(dir, kind)));
            }
        }
        return tests;
    }

    private static boolean recurrent(Path dir) {
        try (Golden g = new Golden(dir, Kind.TORCH)) {
            return layer(g.engine.spec()) >= 0;
        }
    }

    /** The first layer with a recurrence, or -1. */
    private static int layer(DecoderSpec spec) {
        for (int i = 0; i < spec.nLayers(); i++) if (spec.layers().get(i).recurrence() != null) return i;
        return -1;
    }

    /** Bytes of states do not grow with the text. */
    private static void bytes(Path dir, Kind kind) {
        try (Golden g = new Golden(dir, kind)) {
            int[] ids = g.ids("input_ids");
            List<Long> expected = g.engine.spec().layers().stream()
                    .map(l -> LayerState.of(g.engine.spec(), l).bytes())
                    .toList();
            for (int n : new int[] {1, ids.length}) {
                try (Session s = g.engine.begin(plain(ids.length))) {
                    s.append(Arrays.copyOf(ids, n));
                    KvCacheReport kept = s.kvCache();
                    assertThat(kept.convStates()).isEqualTo(expected);
                    assertThat(kept.convStates().get(layer(g.engine.spec()))).isPositive();
                }
            }
        }
    }

    private static void prefix(Path dir, Kind kind) {
        try (Golden g = new Golden(dir, kind)) {
            int[] ids = g.ids("input_ids");
            int n = 11;
            try (Session s = g.engine.begin(plain(ids.length))) {
                s.append(Arrays.copyOf(ids, n));
                KvPrefix prefix = s.prefix(n);
                assertThat(s.prefix(n - 1)).isNull();
                float[] whole = s.append(Arrays.copyOfRange(ids, n, ids.length));
                try (Session other = g.engine.begin(plain(ids.length).after(prefix))) {
                    assertThat(other.append(Arrays.copyOfRange(ids, n, ids.length)))
                            .isEqualTo(whole);
                }
            }
        }
    }

    /** The state is the given one at its position; those before are as they were, those after follow from it. */
    private static void held(Path dir, Kind kind) {
        try (Golden g = new Golden(dir, kind)) {
            int[] ids = g.ids("input_ids");
            int layer = layer(g.engine.spec());
            HookId state = HookId.of(HookPoint.SSM_STATE, layer);
            HookId y = HookId.of(HookPoint.SSM_Y, layer);
            Intervention zero = change(state, Op.ZERO, 7);
            Capture before = run(g, ids, null, ids.length, state, y);
            Capture after = run(g, ids, zero, ids.length, state, y);
            int each = (int) (after.get(state).size() / ids.length);
            float[] was = before.get(state).toFloats();
            float[] now = after.get(state).toFloats();
            assertThat(Arrays.copyOf(now, 7 * each)).isEqualTo(Arrays.copyOf(was, 7 * each));
            assertThat(Arrays.copyOfRange(now, 7 * each, 8 * each)).containsOnly(0f);
            assertThat(Arrays.copyOfRange(now, 8 * each, 9 * each))
                    .isNotEqualTo(Arrays.copyOfRange(was, 8 * each, 9 * each));
            Recurrences.stateGoesOn(g.engine.spec().layers().get(layer).recurrence(), after, layer, 8);
            assertThat(Golden.maxAbsDiff(
                            after.get(LOGITS).toFloats(), before.get(LOGITS).toFloats()))
                    .isGreaterThan(1e-4);
            Capture pieces = run(g, ids, zero, 8, state, y);
            assertThat(Golden.maxAbsDiff(
                            pieces.get(LOGITS).toFloats(), after.get(LOGITS).toFloats()))
                    .isLessThan(1e-3);
            assertThatThrownBy(() ->
                            InterventionCheck.check(g.engine.spec(), List.of(change(state, Op.MEAN, 7)), ids.length))
                    .isInstanceOf(Problem.class)
                    .hasMessageContaining("position by position");
        }
    }

    private static void written(Path dir, Kind kind) {
        try (Golden g = new Golden(dir, kind)) {
            int[] ids = g.ids("input_ids");
            int layer = layer(g.engine.spec());
            HookId write = HookId.of(HookPoint.SSM_WRITE, layer);
            HookId state = HookId.of(HookPoint.SSM_STATE, layer);
            Intervention scale =
                    new Intervention(write.name(), Op.SCALE, null, List.of(7), null, null, 3.0, null, null);
            Capture before = run(g, ids, null, ids.length, write, state);
            Capture after = run(g, ids, scale, ids.length, write, state);
            int each = (int) (after.get(write).size() / ids.length);
            float[] was = before.get(write).toFloats();
            float[] now = after.get(write).toFloats();
            for (int i = 7 * each; i < 8 * each; i++) assertThat(now[i]).isEqualTo(3f * was[i]);
            int size = (int) (after.get(state).size() / ids.length);
            Tensor states = after.get(state);
            float[] next = Arrays.copyOfRange(states.toFloats(), 8 * size, 9 * size);
            float[] old = Arrays.copyOfRange(before.get(state).toFloats(), 8 * size, 9 * size);
            assertThat(Golden.maxAbsDiff(next, old)).isGreaterThan(1e-6);
            float[] pieces = run(g, ids, scale, 8, write, state).get(LOGITS).toFloats();
            assertThat(Golden.maxAbsDiff(pieces, after.get(LOGITS).toFloats())).isLessThan(1e-3);
        }
    }

    private static SessionRequest plain(int positions) {
        return new SessionRequest(positions, new TreeSet<>(), List.of(), List.of());
    }

    private static Intervention change(HookId hook, Op op, int position) {
        return new Intervention(hook.name(), op, null, List.of(position), null, null, null, null, null);
    }

    /** The first tokens in one pass, each of the others in its own. */
    private static Capture run(Golden g, int[] ids, Intervention change, int first, HookId... seen) {
        List<Intervention> changes = change == null ? List.of() : List.of(change);
        List<Map<HookId, Tensor>> sources = change == null ? List.of() : List.of(Map.of());
        TreeSet<HookId> hooks =
                new TreeSet<>(Stream.concat(Stream.of(seen), Stream.of(LOGITS)).toList());
        for (HookPoint p : Recurrences.READ) {
            int layer = seen[0].layer();
            if (HookPresence.of(p, g.engine.spec(), layer)) hooks.add(HookId.of(p, layer));
        }
        try (Session s = g.engine.begin(new SessionRequest(ids.length, hooks, changes, sources))) {
            s.append(Arrays.copyOf(ids, first));
            for (int i = first; i < ids.length; i++) s.append(new int[] {ids[i]});
            return s.capture();
        }
    }
}
