package org.llminspector.golden;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.TreeSet;
import java.util.stream.IntStream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.TestFactory;
import org.llminspector.base.Tensor;
import org.llminspector.capture.Capture;
import org.llminspector.capture.Intervention;
import org.llminspector.capture.Intervention.Op;
import org.llminspector.engine.Session;
import org.llminspector.engine.SessionRequest;
import org.llminspector.hook.HookId;
import org.llminspector.hook.HookPoint;
import org.llminspector.spec.DecoderSpec;
import org.llminspector.spec.Mamba;
import org.llminspector.spec.Recurrent;
import org.llminspector.spec.RgLru;

/**
 * A recurrence over a prompt in chunks equals its steps. To capture a state asks for the steps; what is read from the
 * states, hook_y, is then compared without it.
 */
class ChunksTest {

    private static final HookId LOGITS = HookId.of(HookPoint.LOGITS);

    /** Chunks are of 64 positions, or 16, and passes below 16 positions take steps. */
    private static final int[] LENGTHS = {1, 15, 16, 17, 63, 64, 65, 200};

    @TestFactory
    List<DynamicTest> chunks() {
        List<DynamicTest> tests = new ArrayList<>();
        for (Path dir : Golden.in(Golden.FAMILIES)) {
            if (!chunked(dir)) continue;
            for (Kind kind : List.of(Kind.TORCH, Kind.ONNX)) {
                String name = Golden.name(dir) + " on " + kind;
                tests.add(DynamicTest.dynamicTest(name + ": prompts", () -> prompts(dir, kind)));
                tests.add(DynamicTest.dynamicTest(name + ": after a state", () -> after(dir, kind)));
                tests.add(DynamicTest.dynamicTest(name + ": strong decays", () -> strong(dir, kind)));
            }
        }
        if (System.getProperty("golden", "").isEmpty()) assertThat(tests).hasSizeGreaterThan(40);
        return tests;
    }

    private static boolean chunked(Path dir) {
        try (Golden g = new Golden(dir, Kind.TORCH)) {
            return recurrent(g.engine.spec()).length > 0;
        }
    }

    /** The layers whose recurrence has chunks. */
    private static int[] recurrent(DecoderSpec spec) {
        return IntStream.range(0, spec.nLayers())
                .filter(i -> {
                    Recurrent r = spec.layers().get(i).recurrence();
                    return r != null && !(r instanceof Mamba) && !(r instanceof RgLru);
                })
                .toArray();
    }

    private static void prompts(Path dir, Kind kind) {
        try (Golden g = new Golden(dir, kind)) {
            for (int length : LENGTHS) {
                int[] ids = ids(g, length);
                same(run(g, ids, length, null, false), run(g, ids, length, null, true), 1e-4);
                float[] logits = run(g, ids, length, null, true).get(LOGITS).toFloats();
                int vocab = logits.length / length;
                try (Session fast = g.engine.begin(new SessionRequest(length, new TreeSet<>(), List.of(), List.of()))) {
                    float[] last = Arrays.copyOfRange(logits, logits.length - vocab, logits.length);
                    assertThat(Golden.maxAbsDiff(fast.append(ids), last)).isLessThan(bound(last, 1e-3));
                }
            }
        }
    }

    /** Two passes over several chunks, the second of them from the first one's state, then single tokens. */
    private static void after(Path dir, Kind kind) {
        try (Golden g = new Golden(dir, kind)) {
            int[] ids = ids(g, 150);
            same(run(g, ids, 70, null, false), run(g, ids, 70, null, true), 1e-4);
            same(run(g, ids, 70, null, false), run(g, ids, 150, null, true), 1e-4);
        }
    }

    /** Where a layer's input is a hundredfold at some positions, states decay there to nothing, or not at all. */
    private static void strong(Path dir, Kind kind) {
        try (Golden g = new Golden(dir, kind)) {
            int[] ids = ids(g, 130);
            List<Integer> some = IntStream.range(20, 50).boxed().toList();
            int layer = recurrent(g.engine.spec())[0];
            String input = HookId.of(HookPoint.LN1_NORMALIZED, layer).name();
            Intervention larger = new Intervention(input, Op.SCALE, null, some, null, null, 100.0, null, null);
            Capture steps = run(g, ids, 130, larger, true);
            HookId decays = HookId.of(HookPoint.SSM_DECAY, layer);
            for (float decay : steps.get(decays).toFloats()) assertThat(decay).isBetween(0f, 1f);
            same(run(g, ids, 130, larger, false), steps, 1e-3);
        }
    }

    private static int[] ids(Golden g, int length) {
        return new Random(length).ints(length, 0, g.engine.spec().vocab()).toArray();
    }

    private static void same(Capture chunks, Capture steps, double most) {
        for (HookId hook : chunks.tensors().keySet()) {
            float[] expected = steps.get(hook).toFloats();
            float[] made = chunks.get(hook).toFloats();
            for (float x : made) assertThat(x).isFinite();
            assertThat(Golden.maxAbsDiff(made, expected)).as(hook.name()).isLessThan(bound(expected, most));
        }
    }

    /** A part of the largest value. */
    private static double bound(float[] values, double part) {
        double largest = 0;
        for (float x : values) largest = Math.max(largest, Math.abs(x));
        return part * largest;
    }

    /** The first tokens in one pass, then 70 more in another, each further one in its own. */
    private static Capture run(Golden g, int[] ids, int first, Intervention change, boolean steps) {
        TreeSet<HookId> hooks = new TreeSet<>(List.of(LOGITS));
        for (int i : recurrent(g.engine.spec())) {
            hooks.add(HookId.of(HookPoint.SSM_Y, i));
            hooks.add(HookId.of(HookPoint.SSM_DECAY, i));
            if (steps) hooks.add(HookId.of(HookPoint.SSM_STATE, i));
        }
        List<Intervention> changes = change == null ? List.of() : List.of(change);
        List<Map<HookId, Tensor>> sources = change == null ? List.of() : List.of(Map.of());
        try (Session s = g.engine.begin(new SessionRequest(ids.length, hooks, changes, sources))) {
            int to = 0;
            while (to < ids.length) {
                int from = to;
                to = from == 0 ? first : Math.min(ids.length, from < 140 ? from + 70 : from + 1);
                s.append(Arrays.copyOfRange(ids, from, to));
            }
            return s.capture();
        }
    }
}
