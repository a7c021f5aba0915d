package org.llminspector.engine.torch;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.TreeSet;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;
import org.llminspector.checkpoint.Checkpoint;
import org.llminspector.engine.InspectorEngine;
import org.llminspector.engine.Precision;
import org.llminspector.engine.Session;
import org.llminspector.engine.SessionRequest;
import org.llminspector.family.Family;
import org.llminspector.golden.Golden;
import org.llminspector.hook.HookId;
import org.llminspector.hook.HookPoint;
import org.llminspector.spec.DecoderSpec;

/** The fused form is the hooked one: in pieces, with a cache, in FP16. GoldenTest holds both against the reference. */
class FusedLayersTest {

    @TestFactory
    List<DynamicTest> everyFamily() {
        List<DynamicTest> tests = new ArrayList<>();
        for (Path dir : Golden.all()) {
            for (Precision precision : List.of(Precision.FP32, Precision.FP16)) {
                String name = dir.getFileName() + " in " + precision;
                tests.add(DynamicTest.dynamicTest(name, () -> piecesAgree(dir, precision)));
            }
        }
        return tests;
    }

    /** A prompt in two pieces, then token by token: positions after others, masks, windows and the cache. */
    private static void piecesAgree(Path dir, Precision precision) {
        try (Golden g = new Golden(dir);
                Checkpoint checkpoint = Checkpoint.open(dir);
                TorchEngine engine = TorchEngine.open(Family.open(checkpoint), "cpu", precision)) {
            int[] ids = g.ids("input_ids");
            List<float[]> fast = inPieces(engine, ids, List.of());
            List<float[]> hooked = inPieces(engine, ids, List.of(sublayer(engine.spec())));
            for (int i = 0; i < fast.size(); i++) {
                float largest = 0;
                for (float x : hooked.get(i)) largest = Math.max(largest, Math.abs(x));
                // A token alone is rounded to FP16 before each product: a last bit may fall the other way.
                double near = precision == Precision.FP32 ? 1e-5 : 5e-3;
                assertThat(Golden.maxAbsDiff(fast.get(i), hooked.get(i)))
                        .as("append " + i)
                        .isLessThan(near * (1 + largest));
            }
        }
    }

    /** A value inside a layer that every family has. */
    private static HookId sublayer(DecoderSpec spec) {
        return HookId.of(HookPoint.Z, spec.nLayers() - 1);
    }

    private static List<float[]> inPieces(InspectorEngine engine, int[] ids, List<HookId> hooks) {
        List<float[]> logits = new ArrayList<>();
        int first = ids.length / 3;
        int second = ids.length - 4;
        try (Session s = engine.begin(new SessionRequest(ids.length, new TreeSet<>(hooks), List.of(), List.of()))) {
            assertThat(s.form()).isEqualTo(hooks.isEmpty() ? "fused" : "hooked");
            logits.add(s.append(Arrays.copyOfRange(ids, 0, first)));
            logits.add(s.append(Arrays.copyOfRange(ids, first, second)));
            for (int i = second; i < ids.length; i++) logits.add(s.append(new int[] {ids[i]}));
        }
        return logits;
    }

    @Test
    void theSameRunGivesTheSameBits() {
        try (Golden g = new Golden(Golden.ROOT.resolve("llama"))) {
            List<float[]> first = inPieces(g.engine, g.ids("input_ids"), List.of());
            for (int i = 0; i < 4; i++) {
                List<float[]> again = inPieces(g.engine, g.ids("input_ids"), List.of());
                for (int k = 0; k < first.size(); k++) assertThat(again.get(k)).isEqualTo(first.get(k));
            }
        }
    }
}
