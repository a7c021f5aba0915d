package org.llminspector.golden;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.TreeSet;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.TestFactory;
import org.llminspector.base.Tensor;
import org.llminspector.checkpoint.Checkpoint;
import org.llminspector.checkpoint.SafetensorsFile;
import org.llminspector.engine.InspectorEngine;
import org.llminspector.engine.Session;
import org.llminspector.engine.SessionRequest;
import org.llminspector.family.Family;
import org.llminspector.hook.HookId;
import org.llminspector.hook.HookPoint;

/** GGUF files run as the models that they were made from: logits within the noise, greedy tokens the same. */
class GgufGoldenTest {

    @TestFactory
    List<DynamicTest> architectures() {
        return tests("arch");
    }

    @TestFactory
    List<DynamicTest> families() {
        return tests("families");
    }

    @TestFactory
    List<DynamicTest> types() {
        return tests("types");
    }

    private static List<DynamicTest> tests(String kind) {
        List<DynamicTest> tests = new ArrayList<>();
        List<Kind> kinds = Kind.here();
        for (GgufGolden g : GgufGolden.all(kind)) {
            for (Kind k : kinds) tests.add(DynamicTest.dynamicTest(g + " on " + k, () -> check(g, k)));
        }
        return tests;
    }

    static void check(GgufGolden g, Kind kind) {
        try (Checkpoint checkpoint = Checkpoint.open(g.model());
                InspectorEngine engine = kind.open(Family.open(checkpoint));
                SafetensorsFile golden = SafetensorsFile.open(g.tensors())) {
            int[] prompt = ids(golden.tensor("input_ids"));
            assertThat(Golden.maxAbsDiff(
                            logits(engine, prompt), golden.tensor("logits").toFloats()))
                    .as(g + " logits")
                    .isLessThanOrEqualTo(g.tolerance("logits"));
            int[] greedy = ids(golden.tensor("greedy_ids"));
            float[] reference = golden.tensor("greedy_logits").toFloats();
            int vocab = engine.spec().vocab();
            try (Session session = engine.begin(SessionRequest.plain(prompt.length + greedy.length))) {
                float[] logits = session.append(prompt);
                for (int step = 0; step < greedy.length; step++) {
                    assertThat(Golden.maxAbsDiff(
                                    logits, Arrays.copyOfRange(reference, step * vocab, (step + 1) * vocab)))
                            .as(g + " logits of step " + step)
                            .isLessThanOrEqualTo(g.tolerance("greedy_logits"));
                    assertThat(GoldenTest.argmax(logits)).as("token " + step).isEqualTo(greedy[step]);
                    if (step + 1 < greedy.length) logits = session.append(new int[] {greedy[step]});
                }
            }
        }
    }

    static float[] logits(InspectorEngine engine, int[] ids) {
        HookId logits = HookId.of(HookPoint.LOGITS);
        try (Session session =
                engine.begin(new SessionRequest(ids.length, new TreeSet<>(List.of(logits)), List.of(), List.of()))) {
            session.append(ids);
            return session.capture().get(logits).toFloats();
        }
    }

    static int[] ids(Tensor t) {
        int[] ids = new int[(int) t.size()];
        for (int i = 0; i < ids.length; i++) ids[i] = (int) t.get(i);
        return ids;
    }
}
