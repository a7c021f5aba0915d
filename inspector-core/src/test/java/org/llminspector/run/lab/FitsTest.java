package org.llminspector.run.lab;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.llminspector.base.Problem;
import org.llminspector.generate.GenerateOptions;
import org.llminspector.golden.Golden;
import org.llminspector.run.Inspector;
import org.llminspector.run.RunListener;
import org.llminspector.run.TextModel;
import org.llminspector.run.lab.fit.Interchange;
import org.llminspector.run.lab.fit.LensFit;
import org.llminspector.run.lab.fit.Probing;
import org.llminspector.run.lab.fit.ScoreParts;
import org.llminspector.run.request.AnalysisRequest;
import org.llminspector.run.request.AnalysisRequest.Cell;
import org.llminspector.run.request.AnalysisRequest.Example;
import org.llminspector.run.request.AnalysisRequest.Kind;
import org.llminspector.run.request.AnalysisRequestBuilder;
import org.llminspector.run.request.AnalysisRequestExampleBuilder;
import org.llminspector.run.request.RunRequest;
import org.llminspector.spec.DecoderSpec;

/** Attention scores taken apart, lenses, probes and interchanged subspaces, on golden families. */
class FitsTest {

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

    private static AnalysisRequestBuilder of(String model, Kind kind) {
        return AnalysisRequestBuilder.builder()
                .kind(kind)
                .clean(RunRequest.builder().model(model).build());
    }

    private static Analysis analyse(AnalysisRequest request) {
        Analysis a = inspector.labs().analyse(request, LabListener.NONE);
        assertThat(a.invariants()).allMatch(Analysis.Invariant::holds);
        assertThat(inspector.labs().get(a.id())).isEqualTo(a);
        return a;
    }

    /** Fields that keep a family's scores from being sums of parts. */
    private static final TreeMap<String, String> APART = new TreeMap<>();

    @ParameterizedTest
    @MethodSource("families")
    void takesScoresApart(Path dir) {
        List<Integer> ids = new ArrayList<>();
        String slug = dir.getFileName().toString();
        DecoderSpec spec;
        try (Golden g = new Golden(dir)) {
            for (int id : Arrays.copyOf(g.ids("input_ids"), 7)) ids.add(id);
            spec = g.engine.spec();
        }
        int[] layers = IntStream.range(0, spec.nLayers())
                .filter(i -> spec.layers().get(i).attends())
                .toArray();
        if (layers.length == 0) return;
        int layer = layers[layers.length - 1];
        int head = spec.layers().get(layer).attention().nHeads() - 1;
        for (int key : new int[] {6, 5}) {
            Cell cell =
                    new Cell("blocks." + layer + ".attn.hook_attn_scores", List.of(head), List.of(-1), List.of(key));
            AnalysisRequest request = AnalysisRequestBuilder.builder()
                    .kind(Kind.QK)
                    .clean(RunRequest.builder().model(slug).tokens(ids).build())
                    .cells(List.of(cell))
                    .build();
            try {
                ScoreParts.Score score = analyse(request).score();
                assertThat(score.parts())
                        .hasSize(score.writers().size() * score.writers().size());
                assertThat(score.writers()).startsWith("input").endsWith("rest", "bias");
                assertThat(score.sum())
                        .isCloseTo(
                                score.position()
                                        + score.parts().stream()
                                                .mapToDouble(v -> v)
                                                .sum(),
                                within(1e-9));
            } catch (Problem p) {
                assertThat(p.kind()).as(slug).isEqualTo(Problem.Kind.UNSUPPORTED);
                APART.put(slug, p.where());
            }
        }
    }

    @AfterAll
    static void mostScoresComeApart() {
        assertThat(APART.size()).as(APART.toString()).isLessThanOrEqualTo(23);
    }

    private static List<Example> texts(int count, int length, int vocab) {
        return IntStream.range(0, count)
                .mapToObj(t -> AnalysisRequestExampleBuilder.builder()
                        .tokens(IntStream.range(0, length)
                                .map(i -> 3 + (i * i * (t + 1) + 7 * t + i) % (vocab - 3))
                                .boxed()
                                .toList())
                        .build())
                .toList();
    }

    @ParameterizedTest
    @MethodSource("org.llminspector.run.lab.LabTest#all")
    void fitsLensesThatReadTheRun(Path dir) {
        String slug = dir.getFileName().toString();
        int vocab;
        int layers;
        try (Golden g = new Golden(dir)) {
            vocab = g.engine.spec().vocab();
            layers = g.engine.spec().nLayers();
        }
        List<Example> texts = texts(5, 12, vocab);
        for (String lens : List.of("logit", "tuned", "jacobian")) {
            Analysis a = analyse(of(slug, Kind.LENS)
                    .clean(RunRequest.builder()
                            .model(slug)
                            .tokens(texts.get(4).tokens())
                            .build())
                    .examples(texts)
                    .convention(lens)
                    .steps(60)
                    .build());
            LensFit.Fitted fitted = a.lens();
            assertThat(fitted.rows()).hasSize(layers).allSatisfy(r -> assertThat(r.cells())
                    .hasSize(12));
            assertThat(fitted.losses()).hasSize(layers);
            assertThat(a.invariants()).hasSize(lens.equals("jacobian") ? 2 : 1);
        }
    }

    /** What was fitted tells the model's own output better than the bare stream does, on texts that it was not fitted on. */
    @Test
    void theTunedLensIsCloserThanTheLogitLens() {
        LensFit.Fitted fitted = analyse(of("llama", Kind.LENS)
                        .clean(RunRequest.builder()
                                .model("llama")
                                .tokens(List.of(5, 6, 7, 8))
                                .build())
                        .examples(texts(20, 40, 256))
                        .convention("tuned")
                        .steps(300)
                        .skip(2)
                        .build())
                .lens();
        assertThat(fitted.heldOut()).isEqualTo(4);
        assertThat(fitted.losses().get(0).fitted())
                .isLessThan(0.9 * fitted.losses().get(0).logit());
    }

    /** Prompts whose last token is one of two, in groups by the token before. */
    private static List<Example> labelled() {
        return IntStream.range(0, 48)
                .mapToObj(i -> AnalysisRequestExampleBuilder.builder()
                        .tokens(List.of(10 + i % 5, 20 + i / 2, i % 2 == 0 ? 40 : 50))
                        .label(i % 2 == 0 ? "forty" : "fifty")
                        .group("g" + i / 4)
                        .build())
                .toList();
    }

    @Test
    void probesTellTokensApartAndDealtLabelsNot() {
        Analysis a = analyse(of("llama", Kind.PROBE)
                .examples(labelled())
                .points(List.of("hook_resid_pre"))
                .rank(4)
                .build());
        Probing.Probes probes = a.probes();
        assertThat(a.invariants()).hasSameSizeAs(probes.probes());
        assertThat(probes.labels()).containsExactly("fifty", "forty");
        assertThat(probes.counts()).containsExactly(24, 24);
        assertThat(probes.groups()).isEqualTo(12);
        Probing.Probe first = probes.probes().get(0);
        assertThat(first.accuracy()).isEqualTo(1);
        assertThat(first.coordinates()).hasSize(4).doesNotHaveDuplicates();
        assertThat(first.shuffled()).isBetween(0.2, 0.75);
        assertThat(new TreeSet<>(
                        probes.probes().stream().map(Probing.Probe::layer).toList()))
                .hasSameSizeAs(probes.probes());
    }

    /** Bases and sources that differ in the last token; the answer is the source's own. */
    private static List<Example> pairs() {
        List<Example> pairs = new ArrayList<>();
        for (int i = 0; i < 16; i++) {
            List<Integer> base = List.of(10 + i, 30 + i, 40 + 3 * i);
            List<Integer> source = List.of(10 + i, 30 + i, 45 + 3 * i);
            int answer = inspector
                    .runs()
                    .run(
                            RunRequest.builder()
                                    .model("llama")
                                    .tokens(source)
                                    .generate(new GenerateOptions(
                                            1, true, null, null, null, null, null, null, null, null, null, null, null))
                                    .build(),
                            RunListener.NONE)
                    .tokens()
                    .get(3)
                    .id();
            pairs.add(AnalysisRequestExampleBuilder.builder()
                    .tokens(base)
                    .sourceTokens(source)
                    .answerId(answer)
                    .build());
        }
        return pairs;
    }

    private static Interchange.Arm arm(Interchange.Subspace s, String name) {
        return s.arms().stream().filter(a -> a.name().equals(name)).findFirst().orElseThrow();
    }

    @Test
    void interchangesASubspace() {
        AnalysisRequestBuilder request = of("llama", Kind.INTERCHANGE)
                .examples(pairs())
                .layers(List.of(0))
                .steps(30);
        Analysis a = analyse(request.rank(6).build());
        Interchange.Subspace s = a.subspace();
        assertThat(a.invariants()).hasSize(3);
        assertThat(a.invariants().get(0).expected())
                .isNotCloseTo(arm(s, "whole").nll(), within(1e-2));
        assertThat(a.invariants().get(2).expected()).isEqualTo(arm(s, "whole").nll());
        assertThat(s.trained()).isEqualTo(12);
        assertThat(s.heldOut()).isEqualTo(4);
        assertThat(arm(s, "whole").trained()).isEqualTo(1);
        assertThat(arm(s, "whole").heldOut()).isEqualTo(1);
        assertThat(arm(s, "subspace").trained()).isGreaterThan(arm(s, "random").trained());
        for (int i = 0; i < 6; i++) {
            for (int j = 0; j <= i; j++) {
                double dot = 0;
                for (int c = 0; c < s.basis().get(i).size(); c++)
                    dot += s.basis().get(i).get(c) * s.basis().get(j).get(c);
                assertThat(dot).isCloseTo(i == j ? 1 : 0, within(1e-9));
            }
        }
    }

    /** A basis of the whole space, by chance: the interchange is patching. */
    @Test
    void aFullBasisIsPatching() {
        int d = 48;
        try (Golden g = new Golden(Golden.ROOT.resolve("llama"))) {
            d = g.engine.spec().dModel();
        }
        Interchange.Subspace s = analyse(of("llama", Kind.INTERCHANGE)
                        .examples(pairs())
                        .layers(List.of(0))
                        .rank(d)
                        .steps(1)
                        .build())
                .subspace();
        assertThat(arm(s, "random").nll()).isCloseTo(arm(s, "whole").nll(), within(1e-4));
        assertThat(arm(s, "none").nll()).isNotCloseTo(arm(s, "whole").nll(), within(1e-2));
    }

    private static void refused(AnalysisRequestBuilder request, String... words) {
        assertThatThrownBy(() -> inspector.labs().analyse(request.build(), LabListener.NONE))
                .isInstanceOf(Problem.class)
                .message()
                .contains(words);
    }

    @Test
    void refusesWhatIsWrongByItsField() {
        AnalysisRequestBuilder qk = of("llama", Kind.QK)
                .clean(RunRequest.builder()
                        .model("llama")
                        .tokens(List.of(5, 6, 7))
                        .build());
        refused(qk, "cells", "attn.hook_attn_scores");
        String scores = "blocks.0.attn.hook_attn_scores";
        refused(qk.cells(List.of(new Cell(scores, List.of(0), List.of(1), List.of(2)))), "does not see", "found 2");
        refused(qk.cells(List.of(new Cell(scores, List.of(99), List.of(1), List.of(0)))), "no such head", "99");
        refused(of("llama", Kind.PROBE), "examples");
        refused(of("llama", Kind.PROBE).examples(labelled().subList(0, 1)), "two labels");
        refused(of("llama", Kind.PROBE).examples(labelled()).rank(0), "rank");
        refused(of("llama", Kind.PROBE).examples(labelled()).points(List.of("attn.hook_z")), "points");
        refused(of("llama", Kind.PROBE).examples(labelled()).positions(List.of(3)), "positions", "0 to 2");
        refused(of("llama", Kind.PROBE).examples(labelled()).c(0.0), "c", "positive");
        refused(of("llama", Kind.INTERCHANGE).examples(labelled()).layers(List.of(0)), "examples[0]", "answer");
        refused(of("llama", Kind.INTERCHANGE).examples(pairs()), "one hook point and one layer");
        AnalysisRequestBuilder lens = of("llama", Kind.LENS)
                .clean(RunRequest.builder()
                        .model("llama")
                        .tokens(List.of(5, 6, 7))
                        .build());
        refused(lens, "two texts");
        refused(lens.examples(texts(3, 8, 256)).convention("blurred"), "logit, tuned or jacobian");
        refused(lens.convention("tuned").skip(7), "too short", "skip");
        refused(lens.skip(0).layers(List.of(44)), "layers");
        refused(
                lens.layers(null)
                        .clean(RunRequest.builder()
                                .model("llama")
                                .engine("onnx")
                                .tokens(List.of(5, 6, 7))
                                .build()),
                "no gradients",
                "torch");
    }
}
