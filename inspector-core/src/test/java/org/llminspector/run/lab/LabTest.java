package org.llminspector.run.lab;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.llminspector.base.Problem;
import org.llminspector.capture.Intervention;
import org.llminspector.engine.Precision;
import org.llminspector.golden.Golden;
import org.llminspector.hook.HookPoint;
import org.llminspector.run.Inspector;
import org.llminspector.run.RunListener;
import org.llminspector.run.TextModel;
import org.llminspector.run.lab.graph.ModelGraph;
import org.llminspector.run.request.AnalysisRequest;
import org.llminspector.run.request.AnalysisRequest.By;
import org.llminspector.run.request.AnalysisRequest.Cell;
import org.llminspector.run.request.AnalysisRequest.Direction;
import org.llminspector.run.request.AnalysisRequest.Kind;
import org.llminspector.run.request.AnalysisRequest.Measure;
import org.llminspector.run.request.AnalysisRequestBuilder;
import org.llminspector.run.request.RunRequest;
import org.llminspector.run.store.RunManifest;
import org.llminspector.spec.AttentionBuilder;
import org.llminspector.spec.DecoderSpec;
import org.llminspector.spec.DecoderSpecBuilder;
import org.llminspector.spec.LayerSpec;
import org.llminspector.spec.LayerSpecBuilder;

/** Every kind of causal analysis on every golden family, and against the same interventions asked by hand. */
class LabTest {

    @TempDir
    static Path temp;

    private static Inspector inspector;

    @BeforeAll
    static void open() {
        inspector = TextModel.open(temp, 1L << 30);
    }

    @AfterAll
    static void close() {
        inspector.close();
    }

    static Stream<Path> families() {
        return Stream.concat(Golden.all().stream(), Golden.in(Golden.FAMILIES).stream());
    }

    /** Two prompts of a golden that differ in one token; the metric is the logit of the clean run's answer. */
    private static AnalysisRequestBuilder pair(Path dir, Kind kind) {
        List<Integer> clean = new ArrayList<>();
        try (Golden g = new Golden(dir)) {
            for (int id : Arrays.copyOf(g.ids("input_ids"), 7)) clean.add(id);
        }
        List<Integer> corrupt = new ArrayList<>(clean);
        corrupt.set(2, clean.get(4).equals(clean.get(2)) ? clean.get(3) : clean.get(4));
        String slug = dir.getFileName().toString();
        return AnalysisRequestBuilder.builder()
                .kind(kind)
                .clean(RunRequest.builder().model(slug).tokens(clean).build())
                .corrupt(RunRequest.builder().model(slug).tokens(corrupt).build())
                .metric(new AnalysisRequest.Metric(Measure.LOGIT, null, null, null, null, null));
    }

    private static void holds(Analysis a, Path dir) {
        assertThat(a.invariants()).isNotEmpty();
        assertThat(a.invariants()).as(dir.getFileName().toString()).allMatch(Analysis.Invariant::holds);
    }

    static List<Path> all() {
        return Golden.all();
    }

    @ParameterizedTest
    @MethodSource("all")
    void patchesPlacesAndPaths(Path dir) {
        Analysis patch = inspector.labs().analyse(pair(dir, Kind.PATCH).build(), LabListener.NONE);
        holds(patch, dir);
        assertThat(patch.scores()).isNotEmpty().allSatisfy(s -> assertThat(s.values())
                .hasSize(s.shape().stream().reduce(1, (x, y) -> x * y))
                .allMatch(v -> v != null && Double.isFinite(v)));
        assertThat(inspector.labs().get(patch.id())).isEqualTo(patch);
        Cell embedding = new Cell("hook_embed", null, null);
        holds(
                inspector
                        .labs()
                        .analyse(
                                pair(dir, Kind.PATH)
                                        .cells(List.of(embedding))
                                        .receivers(List.of(new Cell("blocks.*.attn.hook_q", null, null)))
                                        .build(),
                                LabListener.NONE),
                dir);
    }

    /** On every family: the estimate is the slope, a run given its own values is itself, and given the other's embedding the other. */
    @ParameterizedTest
    @MethodSource("families")
    void attributesByTheSlope(Path dir) {
        for (String convention : Golden.all().contains(dir) ? List.of("tl", "eap") : List.of("tl")) {
            AnalysisRequest request = pair(dir, Kind.ATTRIBUTION)
                    .convention(convention)
                    .measured(4)
                    .build();
            Analysis a = inspector.labs().analyse(request, LabListener.NONE);
            holds(a, dir);
            assertThat(a.measured()).hasSize(4);
        }
    }

    /** Families whose readers of the stream cannot be told apart; the field that is in the way is named. */
    private static final List<String> NO_EDGES = List.of(
            "afmoe",
            "deepseek_v2",
            "deepseek_v2_groups",
            "deepseek_v3",
            "deepseek_v3_yarn",
            "falcon_h1",
            "flex_olmo",
            "gemma3n",
            "gemma4_moe",
            "gemma4_wide",
            "glm4_moe_lite",
            "hunyuan_v1_dense",
            "hunyuan_v1_moe",
            "kimi_linear",
            "llama4",
            "minimax",
            "ministral3",
            "opt_postnorm",
            "qwen3_5",
            "qwen3_5_moe",
            "qwen3_next");

    @ParameterizedTest
    @MethodSource("families")
    void edgesSumToNodesAndAllOfThemAreTheCleanRun(Path dir) {
        for (String convention : Golden.all().contains(dir) ? List.of("eap", "eap_ig") : List.of("eap_ig")) {
            AnalysisRequest request = pair(dir, Kind.EDGES)
                    .convention(convention)
                    .steps(convention.equals("eap") ? null : 2)
                    .measured(3)
                    .build();
            if (NO_EDGES.contains(dir.getFileName().toString())) {
                assertThatThrownBy(() -> inspector.labs().analyse(request, LabListener.NONE))
                        .isInstanceOf(Problem.class)
                        .hasMessageContaining("this model");
                return;
            }
            Analysis a = inspector.labs().analyse(request, LabListener.NONE);
            holds(a, dir);
            assertThat(a.graph().faithfulness().get(0).faithfulness()).isCloseTo(0, within(1e-2));
            assertThat(a.measured()).hasSize(3);
        }
    }

    /** The edge counts of the published circuits' models: GPT-2 small, Qwen2.5 0.5B, Gemma 2 2B. */
    @Test
    void countsTheEdgesOfPublishedShapes() {
        assertThat(edges("gpt2", 12, 12, 12)).isEqualTo(32_491);
        assertThat(edges("llama", 24, 14, 2)).isEqualTo(179_749);
        assertThat(edges("gemma2", 26, 8, 4)).isEqualTo(74_218);
    }

    private static int edges(String shape, int layers, int heads, int kvHeads) {
        try (Golden g = new Golden(Golden.ROOT.resolve(shape))) {
            DecoderSpec spec = g.engine.spec();
            LayerSpec first = spec.layers().get(0);
            LayerSpec wide = LayerSpecBuilder.builder(first)
                    .mixer(AttentionBuilder.builder(first.attention())
                            .nHeads(heads)
                            .nKvHeads(kvHeads)
                            .build())
                    .build();
            ModelGraph graph = ModelGraph.of(DecoderSpecBuilder.builder(spec)
                    .layers(Collections.nCopies(layers, wide))
                    .build());
            return graph.edges();
        }
    }

    /** A place patched is the same intervention asked by hand: replace from the other run. */
    @Test
    void equalsTheInterventionAskedByHand() {
        for (Direction direction : Direction.values()) {
            Path dir = Golden.ROOT.resolve("gemma2");
            AnalysisRequest request = pair(dir, Kind.PATCH)
                    .direction(direction)
                    .points(List.of(
                            "hook_resid_pre", "attn.hook_z", "hook_mlp_out", "attn.hook_v", "attn.hook_pattern"))
                    .build();
            Analysis a = inspector.labs().analyse(request, LabListener.NONE);
            RunRequest source = direction == Direction.DENOISE ? request.clean() : request.corrupt();
            RunRequest base = direction == Direction.DENOISE ? request.corrupt() : request.clean();
            RunManifest from = inspector
                    .runs()
                    .run(source.toBuilder().capture(List.of("*")).build(), RunListener.NONE);
            int answer = a.metric().answers().get(0).id();
            for (Analysis.Scores s : a.scores()) {
                HookPoint point = HookPoint.named(s.point(), "point");
                for (int layer : s.layers()) {
                    int pos = 2 + layer;
                    Intervention v = new Intervention(
                            point.template().replace("{i}", "" + layer),
                            Intervention.Op.REPLACE,
                            null,
                            List.of(pos),
                            null,
                            null,
                            null,
                            null,
                            new Intervention.From(from.id(), null));
                    float[] logits =
                            logits(base.toBuilder().interventions(List.of(v)).build());
                    assertThat(s.values().get(layer * 7 + pos))
                            .as(direction + " " + s.point() + " " + layer)
                            .isCloseTo(logits[answer], within(1e-5));
                }
            }
        }
    }

    private float[] logits(RunRequest request) {
        RunManifest run = inspector
                .runs()
                .run(request.toBuilder().capture(List.of("logits")).build(), RunListener.NONE);
        float[] all = inspector
                .runs()
                .stored()
                .capture(run.id(), org.llminspector.hook.HookId.of(HookPoint.LOGITS))
                .toFloats();
        int vocab = all.length / 7;
        return Arrays.copyOfRange(all, 6 * vocab, 7 * vocab);
    }

    /** ONNX Runtime, which begins at the first layer, measures what torch does, which begins at the first change. */
    @Test
    void measuresTheSameOnBothEngines() {
        for (String family : List.of("gemma2", "gpt2")) {
            AnalysisRequest request =
                    pair(Golden.ROOT.resolve(family), Kind.PATCH).build();
            Analysis torch = inspector.labs().analyse(request, LabListener.NONE);
            RunRequest onOnnx = request.clean().toBuilder().engine("onnx").build();
            AnalysisRequest other =
                    AnalysisRequestBuilder.builder(request).clean(onOnnx).build();
            Analysis onnx = inspector.labs().analyse(other, LabListener.NONE);
            assertThat(onnx.corrupt().engine().name()).isEqualTo("onnx");
            for (int i = 0; i < torch.scores().size(); i++) {
                List<Double> values = torch.scores().get(i).values();
                for (int j = 0; j < values.size(); j++)
                    assertThat(onnx.scores().get(i).values().get(j))
                            .as(family + " " + torch.scores().get(i).point() + " " + j)
                            .isCloseTo(values.get(j), within(1e-4));
            }
        }
    }

    /** Two runs that answer with the same token are told apart by their distributions, where no metric is asked for. */
    @Test
    void takesTheDivergenceWhereBothAnswerAlike() {
        Path dir = Golden.ROOT.resolve("llama");
        AnalysisRequest request = pair(dir, Kind.PATCH).metric(null).build();
        Analysis a = inspector.labs().analyse(request, LabListener.NONE);
        boolean same = a.clean().top().id() == a.corrupt().top().id();
        assertThat(a.metric().name()).isEqualTo(same ? Measure.KL : Measure.LOGIT_DIFF);
        RunRequest alike = request.clean().toBuilder().engine("onnx").build();
        AnalysisRequest one = AnalysisRequestBuilder.builder(request)
                .corrupt(alike.toBuilder().precision(Precision.INT8_WEIGHT).build())
                .build();
        Analysis b = inspector.labs().analyse(one, LabListener.NONE);
        boolean also = b.clean().top().id() == b.corrupt().top().id();
        assertThat(b.metric().name()).isEqualTo(also ? Measure.KL : Measure.LOGIT_DIFF);
        assertThat(same || also).as("one of the pairs answers alike").isTrue();
    }

    /** The last layer's MLP reaches the logits directly: its path is its whole effect. */
    @Test
    void theLastMlpsPathIsItsWholeEffect() {
        for (String family : List.of("gemma2", "gpt2", "qwen3")) {
            Path dir = Golden.ROOT.resolve(family);
            int last = inspector.models().details(family).spec().nLayers() - 1;
            Cell mlp = new Cell("blocks." + last + ".hook_mlp_out", null, null);
            Analysis path = inspector
                    .labs()
                    .analyse(pair(dir, Kind.PATH).cells(List.of(mlp)).build(), LabListener.NONE);
            Analysis whole = inspector
                    .labs()
                    .analyse(
                            pair(dir, Kind.PATCH)
                                    .cells(List.of(mlp))
                                    .points(List.of("hook_mlp_out"))
                                    .build(),
                            LabListener.NONE);
            assertThat(path.paths()).hasSize(1);
            assertThat(path.paths().get(0).value()).isCloseTo(whole.rows().value(), within(1e-5));
            assertThat(path.rows())
                    .isEqualTo(new Analysis.Effect(
                            path.paths().get(0).value(), path.paths().get(0).effect()));
        }
    }

    /** An INT8 model's values replaced by the exact ones: more of them mend more, and a least set is found. */
    @Test
    void givesAQuantizedModelItsAnswerBack() {
        Path dir = Golden.ROOT.resolve("llama");
        AnalysisRequest request = pair(dir, Kind.RESTORE)
                .metric(null)
                .corrupt(RunRequest.builder()
                        .engine("onnx")
                        .precision(Precision.INT4_32)
                        .build())
                .build();
        Analysis a = inspector.labs().analyse(request, LabListener.NONE);
        holds(a, dir);
        assertThat(a.corrupt().engine().precision()).isEqualTo(Precision.INT4_32);
        assertThat(a.metric().name()).isEqualTo(Measure.KL);
        assertThat(a.metric().clean()).isZero();
        assertThat(a.restored().mended()).isTrue();
        assertThat(a.restored().places()).isNotEmpty();
        assertThat(a.metric().normalised(a.restored().value()))
                .isGreaterThan(a.restored().answers() ? -1 : 0.9);
    }

    @Test
    void refusesWhatItCannotAnswer() {
        Path dir = Golden.ROOT.resolve("llama");
        AnalysisRequest good = pair(dir, Kind.PATCH).build();
        assertThatThrownBy(() -> inspector
                        .labs()
                        .analyse(
                                AnalysisRequestBuilder.builder(good)
                                        .corrupt(good.clean())
                                        .build(),
                                LabListener.NONE))
                .isInstanceOf(Problem.class)
                .hasMessageContaining("answer alike");
        RunRequest shorter = good.corrupt().toBuilder()
                .tokens(good.corrupt().tokens().subList(1, 7))
                .build();
        assertThatThrownBy(() -> inspector
                        .labs()
                        .analyse(
                                AnalysisRequestBuilder.builder(good)
                                        .corrupt(shorter)
                                        .build(),
                                LabListener.NONE))
                .isInstanceOf(Problem.class)
                .hasMessageContaining("different lengths");
        assertThatThrownBy(() -> inspector
                        .labs()
                        .analyse(
                                AnalysisRequestBuilder.builder(good)
                                        .by(By.HEAD)
                                        .points(List.of("hook_mlp_out"))
                                        .build(),
                                LabListener.NONE))
                .isInstanceOf(Problem.class)
                .hasMessageContaining("no such places");
        assertThatThrownBy(() -> inspector
                        .labs()
                        .analyse(
                                AnalysisRequestBuilder.builder(good)
                                        .kind(Kind.ATTRIBUTION)
                                        .metric(new AnalysisRequest.Metric(Measure.RANK, null, null, null, null, null))
                                        .build(),
                                LabListener.NONE))
                .isInstanceOf(Problem.class);
        assertThatThrownBy(() -> inspector
                        .labs()
                        .analyse(
                                AnalysisRequestBuilder.builder(good)
                                        .kind(Kind.PATH)
                                        .build(),
                                LabListener.NONE))
                .isInstanceOf(Problem.class)
                .hasMessageContaining("begins at a sender");
    }
}
