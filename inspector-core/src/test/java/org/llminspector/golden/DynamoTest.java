package org.llminspector.golden;

import static org.assertj.core.api.Assertions.assertThat;
import static org.llminspector.hook.HookPoint.*;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.SortedSet;
import java.util.TreeSet;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.llminspector.capture.Capture;
import org.llminspector.engine.InspectorEngine;
import org.llminspector.engine.Session;
import org.llminspector.engine.SessionRequest;
import org.llminspector.hook.HookId;
import org.llminspector.hook.HookPatterns;
import org.llminspector.hook.HookPoint;
import org.llminspector.spec.DecoderSpec;

/**
 * The odd goldens as torch.onnx exports them with dynamo, where a name says nothing of what a value is
 * (scripts/golden/make_dynamo.py): every hook that is found is the one of the same model on torch.
 */
class DynamoTest {

    static final Path ROOT = Path.of("src/test/resources/golden/dynamo");

    /** Positions: Phi-3's RoPE has other factors from 12 on, of which an export knows nothing. */
    private static final int SHORT = 11;

    private static final Set<HookPoint> SUMMED = Set.of(RESULT);
    private static final Set<HookPoint> NORMS =
            Set.of(LN1_SCALE, LN1_NORMALIZED, RESULT, LN2_SCALE, LN2_NORMALIZED, LN_FINAL_SCALE, LN_FINAL_NORMALIZED);

    private static final Set<HookPoint> ONE_EACH = Set.of(
            LN1_SCALE,
            LN1_NORMALIZED,
            ATTN_SCORES,
            PATTERN,
            RESULT,
            LN2_SCALE,
            LN2_NORMALIZED,
            LN_FINAL_SCALE,
            LN_FINAL_NORMALIZED);

    /** What single operators keep to themselves: LayerNormalization; and of opset 23 RMSNormalization and Attention. */
    private static final Map<String, Set<HookPoint>> HIDDEN =
            Map.of("gpt2", NORMS, "gpt_neox", NORMS, "qwen3", ONE_EACH);

    static List<Path> models() throws IOException {
        try (Stream<Path> dirs = Files.list(ROOT)) {
            return dirs.filter(Files::isDirectory).sorted().toList();
        }
    }

    @ParameterizedTest
    @MethodSource("models")
    void showsWhatTheModelItselfShows(Path dir) {
        try (Golden golden = new Golden(Golden.ODD.resolve(dir.getFileName()));
                Exported exported = new Exported(dir)) {
            SortedSet<HookId> found = exported.found();
            int[] ids = Arrays.copyOf(golden.ids("input_ids"), SHORT);
            Capture reference = golden.capture(ids, found);
            try (Session session = exported.begin(found)) {
                session.append(Arrays.copyOf(ids, 3));
                session.append(Arrays.copyOfRange(ids, 3, 4));
                session.append(Arrays.copyOfRange(ids, 4, ids.length));
                Capture c = session.capture();
                for (HookId id : found) {
                    assertThat(c.get(id).shape())
                            .as(id.name())
                            .isEqualTo(reference.get(id).shape());
                    assertThat(Golden.maxAbsDiff(
                                    c.get(id).toFloats(), reference.get(id).toFloats()))
                            .as(id.name())
                            .isLessThan(1e-4);
                }
            }
            assertThat(hidden(exported.spec, found))
                    .isEqualTo(HIDDEN.getOrDefault(dir.getFileName().toString(), SUMMED));
        }
    }

    @ParameterizedTest
    @MethodSource("models")
    void saysWhatTheModelItselfSays(Path dir) {
        try (Golden golden = new Golden(Golden.ODD.resolve(dir.getFileName()));
                Exported exported = new Exported(dir)) {
            int[] prompt = Arrays.copyOf(golden.ids("input_ids"), 5);
            assertThat(greedy(exported.engine, prompt)).isEqualTo(greedy(golden.engine, prompt));
        }
    }

    private static List<Integer> greedy(InspectorEngine engine, int[] prompt) {
        List<Integer> said = new ArrayList<>();
        try (Session session = engine.begin(new SessionRequest(12, new TreeSet<>(), List.of(), List.of()))) {
            float[] logits = session.append(prompt);
            while (session.length() < SHORT) {
                said.add(GoldenTest.argmax(logits));
                logits = session.append(new int[] {said.get(said.size() - 1)});
            }
        }
        return said;
    }

    private static Set<HookPoint> hidden(DecoderSpec spec, SortedSet<HookId> found) {
        return HookPatterns.all(spec).stream()
                .filter(id -> !found.contains(id))
                .map(HookId::point)
                .collect(Collectors.toCollection(TreeSet::new));
    }
}
