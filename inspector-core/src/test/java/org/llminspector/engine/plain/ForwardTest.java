package org.llminspector.engine.plain;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.IntUnaryOperator;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;
import org.llminspector.base.Problem;
import org.llminspector.base.Tensor;
import org.llminspector.capture.Capture;
import org.llminspector.checkpoint.Checkpoint;
import org.llminspector.engine.InspectorEngine;
import org.llminspector.engine.Session;
import org.llminspector.engine.SessionRequest;
import org.llminspector.family.Family;
import org.llminspector.family.Weights;
import org.llminspector.golden.Golden;
import org.llminspector.golden.Kind;
import org.llminspector.hook.HookId;
import org.llminspector.hook.HookPatterns;
import org.llminspector.hook.HookPoint;
import org.llminspector.hook.HookShape;
import org.llminspector.spec.DecoderSpec;

/** The plain forward pass against the goldens of Llama's shape and against every engine, value by value. */
class ForwardTest {

    private static final Path TALES = Path.of("../model-cache/tales-4m");

    /** Largest difference from an engine's value, of the largest of that hook's values: 1.1e-5 was measured. */
    private static final double NOISE = 2e-5;

    @TestFactory
    List<DynamicTest> everyValueOfEveryGolden() {
        List<DynamicTest> tests = new ArrayList<>();
        List<Path> llamas =
                goldens().stream().filter(d -> otherField(d) == null).toList();
        assertThat(llamas)
                .extracting(d -> d.getFileName().toString())
                .contains(
                        "llama",
                        "llama_bf16",
                        "llama_llama3rope",
                        "llama_ropedynamic",
                        "llama_ropelinear",
                        "llama_ropeyarn",
                        "llama_sharded",
                        "mistral",
                        "phi3_longrope_crossing");
        for (Path dir : llamas) {
            tests.add(DynamicTest.dynamicTest(dir + " against the reference", () -> reference(dir)));
            for (Kind kind : Kind.engines()) {
                tests.add(DynamicTest.dynamicTest(dir + " against " + kind, () -> engine(dir, kind)));
            }
        }
        return tests;
    }

    @TestFactory
    List<DynamicTest> everyValueOfTheEmbeddedModel() {
        List<DynamicTest> tests = new ArrayList<>();
        int[] ids = new int[48];
        for (int i = 0; i < ids.length; i++) ids[i] = i == 0 ? 0 : 3 + 37 * i;
        for (Kind kind : Kind.engines()) {
            tests.add(DynamicTest.dynamicTest("tales-4m against " + kind, () -> {
                try (Checkpoint checkpoint = Checkpoint.open(TALES);
                        InspectorEngine engine = kind.open(Family.open(checkpoint))) {
                    agree(Family.open(checkpoint), engine, ids);
                }
            }));
        }
        return tests;
    }

    @TestFactory
    List<DynamicTest> wrongLayoutsMissTheGolden() {
        int dHead = 16;
        Map<String, IntUnaryOperator> wrong = new TreeMap<>(Map.of(
                "attn\\.[qk]", // RoPE over pairs (2 c, 2 c + 1)
                row -> row - row % dHead + (row % dHead % 2) * dHead / 2 + row % dHead / 2,
                "attn\\.[kv]", // the other key and value head for each group
                row -> (row + dHead) % (2 * dHead)));
        List<DynamicTest> tests = new ArrayList<>();
        wrong.forEach((names, from) -> tests.add(DynamicTest.dynamicTest(names, () -> {
            try (Golden g = new Golden(Golden.ROOT.resolve("llama"))) {
                assertThat(g.weights.spec().layers().get(0).attention().dHead()).isEqualTo(dHead);
                assertThat(g.weights.spec().layers().get(0).attention().nKvHeads())
                        .isEqualTo(2);
                assertThat(logitsError(g, g.weights)).isLessThanOrEqualTo(1);
                assertThat(logitsError(
                                g, g.weights.changed(n -> n.matches(".*" + names + ".*"), (n, w) -> rows(w, from))))
                        .isGreaterThan(1000);
            }
        })));
        return tests;
    }

    @Test
    void itIsReadInOneSitting() throws IOException {
        Path file = Path.of("src/main/java/org/llminspector/engine/plain/Forward.java");
        assertThat(Files.readString(file).lines().count()).isLessThan(300);
    }

    @Test
    void aRefusalNamesTheField() {
        try (Checkpoint checkpoint = Checkpoint.open(Golden.ROOT.resolve("qwen2"))) {
            Weights weights = Family.open(checkpoint);
            assertThatThrownBy(() -> new Forward(weights, (point, layer, values) -> {}))
                    .isInstanceOfSatisfying(Problem.class, p -> {
                        assertThat(p.kind()).isEqualTo(Problem.Kind.UNSUPPORTED);
                        assertThat(p.where()).isEqualTo("layers[0].attention.qkv_bias");
                        assertThat(p.found()).isEqualTo("qwen2");
                    });
        }
    }

    private static List<Path> goldens() {
        List<Path> dirs = new ArrayList<>(Golden.all());
        for (Path root : List.of(Golden.ODD, Golden.FAMILIES, Golden.PROMPTS)) dirs.addAll(Golden.in(root));
        dirs.removeIf(dir -> !known(dir)); // LLM_INSPECTOR_GOLDENS may name families that are not read yet
        return dirs;
    }

    private static boolean known(Path dir) {
        try (Checkpoint checkpoint = Checkpoint.open(dir)) {
            return Family.knows(checkpoint);
        }
    }

    private static String otherField(Path dir) {
        try (Checkpoint checkpoint = Checkpoint.open(dir)) {
            return LlamaSpec.otherField(Family.open(checkpoint).spec()).orElse(null);
        }
    }

    /** All that the golden names of the prompt, within GoldenTest's tolerance. */
    private static void reference(Path dir) {
        try (Golden g = new Golden(dir)) {
            Map<String, float[]> ours = new TreeMap<>();
            int last = g.weights.spec().nLayers();
            values(g.weights, g.ids("input_ids")).forEach((id, v) -> {
                switch (id.point()) {
                    case LOGITS -> ours.put("logits", v);
                    case LN_FINAL_OUT -> ours.put("hidden_states." + last, v);
                    case RESID_PRE -> ours.put("hidden_states." + id.layer(), v);
                    case RESID_POST -> ours.put("layer_out." + id.layer(), v);
                    case ATTN_OUT -> ours.put("attn_out." + id.layer(), v);
                    case MLP_OUT -> ours.put("mlp_out." + id.layer(), v);
                    case PATTERN -> ours.put("attentions." + id.layer(), v);
                    default -> {}
                }
            });
            int held = 0;
            for (Map.Entry<String, float[]> e : ours.entrySet()) {
                if (!g.names().contains(e.getKey())) continue; // the goldens of families have no sublayers
                String what = e.getKey().replaceAll("\\.[0-9]+$", "");
                assertThat(Golden.maxAbsDiff(e.getValue(), g.values(e.getKey())))
                        .as(g + " " + e.getKey())
                        .isLessThanOrEqualTo(g.tolerance(what));
                held++;
            }
            assertThat(held).isGreaterThanOrEqualTo(2 + 3 * last);
        }
    }

    private static void engine(Path dir, Kind kind) {
        try (Golden g = new Golden(dir, kind)) {
            agree(g.weights, g.engine, g.ids("input_ids"));
        }
    }

    /** Every hook of the model, from the engine and from here. */
    private static void agree(Weights weights, InspectorEngine engine, int[] ids) {
        DecoderSpec spec = weights.spec();
        Map<HookId, float[]> ours = values(weights, ids);
        assertThat(ours.keySet()).isEqualTo(HookPatterns.all(spec));
        try (Session session =
                engine.begin(new SessionRequest(ids.length, HookPatterns.all(spec), List.of(), List.of()))) {
            session.append(ids);
            Capture capture = session.capture();
            ours.forEach((id, values) -> {
                float[] theirs = capture.get(id).toFloats();
                assertThat((long) values.length)
                        .as(id.name())
                        .isEqualTo(Tensor.elements(
                                HookShape.of(id.point(), spec, Math.max(0, id.layer()), ids.length, ids.length)));
                double most = 1;
                for (float v : theirs) if (Float.isFinite(v)) most = Math.max(most, Math.abs(v));
                assertThat(Golden.maxAbsDiff(values, theirs) / most)
                        .as(id.name())
                        .isLessThanOrEqualTo(NOISE);
            });
        }
    }

    private static Map<HookId, float[]> values(Weights weights, int[] ids) {
        Map<HookId, float[]> values = new TreeMap<>();
        new Forward(weights, (point, layer, v) -> values.put(new HookId(point, layer), v)).logits(ids);
        return values;
    }

    /** Largest difference of the logits from the golden, in tolerances. */
    private static double logitsError(Golden g, Weights weights) {
        float[] logits = values(weights, g.ids("input_ids")).get(HookId.of(HookPoint.LOGITS));
        return Golden.maxAbsDiff(logits, g.values("logits")) / g.tolerance("logits");
    }

    /** The matrix with each row taken from where {@code from} says. */
    private static Tensor rows(Tensor w, IntUnaryOperator from) {
        int rows = (int) w.shape()[0];
        float[] in = w.toFloats();
        float[] out = new float[in.length];
        int width = in.length / rows;
        for (int r = 0; r < rows; r++) System.arraycopy(in, from.applyAsInt(r) * width, out, r * width, width);
        return Tensor.of(out, w.shape());
    }
}
