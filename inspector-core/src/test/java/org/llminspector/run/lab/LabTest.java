package org.llminspector.run.lab;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
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
import org.llminspector.run.request.AnalysisRequest;
import org.llminspector.run.request.AnalysisRequest.By;
import org.llminspector.run.request.AnalysisRequest.Cell;
import org.llminspector.run.request.AnalysisRequest.Direction;
import org.llminspector.run.request.AnalysisRequest.Kind;
import org.llminspector.run.request.AnalysisRequest.Measure;
import org.llminspector.run.request.AnalysisRequestBuilder;
import org.llminspector.run.request.RunRequest;
import org.llminspector.run.store.RunManifest;

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

    @ParameterizedTest
    @MethodSource("families")
    void everyKindOnEveryFamily(Path dir) {
        Analysis patch = inspector.labs().analyse(pair(dir, Kind.PATCH).build(), LabListener.NONE);
        holds(patch, dir);
        assertThat(patch.scores()).isNotEmpty().allSatisfy(s -> assertThat(s.values())
                .hasSize(s.shape().stream().reduce(1, (x, y) -> x * y))
                .anyMatch(v -> v != null && Double.isFinite(v)));
        for (String convention : List.of("tl", "eap")) {
            holds(
                    inspector
                            .labs()
                            .analyse(
                                    pair(dir, Kind.ATTRIBUTION)
                                            .convention(convention)
                                            .measured(4)
                                            .build(),
                                    LabListener.NONE),
                    dir);
        }
        Analysis path = inspector
                .labs()
                .analyse(
                        pair(dir, Kind.PATH)
                                .cells(List.of(new Cell("hook_embed", null, null)))
                                .build(),
                        LabListener.NONE);
        holds(path, dir);
        assertThat(inspector.labs().get(patch.id())).isEqualTo(patch);
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
