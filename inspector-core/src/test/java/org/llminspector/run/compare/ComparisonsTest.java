package org.llminspector.run.compare;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.tuple;
import static org.assertj.core.api.Assertions.within;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Collections;
import java.util.HashSet;
import java.util.List;
import java.util.Random;
import java.util.Set;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.llminspector.analysis.output.OutputMeasures;
import org.llminspector.analysis.output.OutputMeasures.Estimate;
import org.llminspector.analysis.output.OutputMeasures.Interval;
import org.llminspector.base.Problem;
import org.llminspector.base.Tensor;
import org.llminspector.capture.CaptureMemory;
import org.llminspector.capture.Intervention;
import org.llminspector.engine.Precision;
import org.llminspector.golden.Golden;
import org.llminspector.hook.HookId;
import org.llminspector.hook.HookPoint;
import org.llminspector.run.Inspector;
import org.llminspector.run.InspectorConfig;
import org.llminspector.run.RunListener;
import org.llminspector.run.TextModel;
import org.llminspector.run.request.ComparisonRequest;
import org.llminspector.run.request.ComparisonRequestOptionsBuilder;
import org.llminspector.run.request.RunRequest;
import org.llminspector.run.store.ComparedToken;
import org.llminspector.run.store.ComparisonManifest;

/** Paired runs of a tiny real model: what must be equal is, what differs does so from where it should. */
class ComparisonsTest {

    private static final String TEXT = "Once upon a time there was a little cat. ".repeat(4);

    @TempDir
    Path temp;

    @AutoClose
    private Inspector inspector;

    @BeforeEach
    void open() {
        inspector = TextModel.open(temp, 8L << 20);
    }

    @Test
    void identicalSidesDifferByExactlyNothing() {
        ComparisonManifest m = compare(side(null), RunRequest.builder().build(), TEXT);
        assertThat(m.hooks()).hasSizeGreaterThan(80);
        assertThat(m.hooks()).allSatisfy(row -> {
            assertThat(row.relativeL2()).as(row.hook().name()).isZero();
            assertThat(row.maxAbs()).isZero();
            assertThat(row.cosine()).isEqualTo(1);
            assertThat(row.sqnr()).isNull();
        });
        assertThat(m.firsts()).allSatisfy(f -> assertThat(f.hook()).isNull());
        assertThat(m.modules()).hasSize(4 * 2 + 1).allSatisfy(e -> {
            assertThat(e.total()).as(e.module()).isZero();
            assertThat(e.made()).as(e.module()).isZero();
            assertThat(e.inherited()).as(e.module()).isZero();
        });
        for (OutputMeasures o : List.of(m.prompt(), m.text().measures())) {
            assertThat(o.meanKld()).isEqualTo(new Estimate(0, 0.0));
            assertThat(o.pplRatio()).isEqualTo(new Estimate(1, 0.0, new Interval(1, 1)));
            assertThat(o.sameTop().value()).isEqualTo(1);
            assertThat(o.rmsDeltaP().value()).isZero();
        }
        assertThat(inspector.comparisons().manifest(m.id())).isEqualTo(m);
        assertThat(inspector.comparisons().list(10, null)).hasSize(1);
    }

    @Test
    void aHeadCutOutIsFirstSeenInItsOwnLayersZ() {
        Intervention cut = new Intervention(
                "blocks.2.attn.hook_z", Intervention.Op.ZERO, List.of(1), null, null, null, null, null, null);
        ComparisonManifest m = compare(
                side("Once upon a time"),
                RunRequest.builder().interventions(List.of(cut)).build(),
                null);
        HookId z = HookId.of(HookPoint.Z, 2);
        assertThat(m.firsts().get(0).hook()).isEqualTo(z);
        assertThat(m.firsts().get(0).position()).isZero();
        for (ComparisonManifest.HookRow row : m.hooks()) {
            if (row.hook().compareTo(z) < 0) {
                assertThat(row.maxAbs()).as(row.hook().name()).isZero();
            } else if (row.hook().equals(z)) {
                assertThat(row.relativeL2()).isPositive();
            }
        }
        Tensor heads = inspector.comparisons().divergence(m.id(), HookPoint.Z, "head"); // [layer, head, pos]
        assertThat(heads.shape()).containsExactly(4, 4, m.a().tokens().size());
        for (int layer = 0; layer < 3; layer++) {
            for (int head = 0; head < 4; head++) {
                double first = heads.get((layer * 4L + head) * m.a().tokens().size());
                assertThat(first).as(layer + "/" + head).isEqualTo(layer == 2 && head == 1 ? 1.0 : 0.0);
            }
        }
        ComparisonManifest.ModuleError attn = module(m, "blocks.2.attn");
        assertThat(attn.inherited()).isZero();
        assertThat(attn.made()).isEqualTo(attn.total()).isPositive();
        ComparisonManifest.ModuleError mlp = module(m, "blocks.2.mlp");
        assertThat(mlp.made()).isZero();
        assertThat(mlp.inherited()).isEqualTo(mlp.total()).isPositive();
        assertThat(module(m, "unembed").made()).isZero();
        Comparisons.Cell cell = inspector.comparisons().cell(m.id(), z, -1);
        assertThat(cell.a().shape()).containsExactly(4, 16);
        assertThat(cell.b().rows(1, 2).toFloats()).containsOnly(0f);
        assertThat(cell.difference().rows(0, 1).toFloats()).containsOnly(0f);
        float[] diff = cell.difference().rows(1, 2).toFloats();
        float[] was = cell.a().rows(1, 2).toFloats();
        for (int i = 0; i < diff.length; i++) assertThat(diff[i]).isEqualTo(-was[i]);
    }

    @Test
    void theSplitIsExactAndEachModulesOwn() {
        ComparisonManifest m = compare(
                side("Once upon a time"),
                RunRequest.builder().precision(Precision.FP16).build(),
                null);
        for (ComparisonManifest.ModuleError e : m.modules()) {
            assertThat(e.made()).as(e.module()).isPositive();
            double cos = e.cosine() == null ? 0 : e.cosine();
            double sum = e.made() * e.made() + e.inherited() * e.inherited() + 2 * cos * e.made() * e.inherited();
            assertThat(e.total() * e.total()).as(e.module()).isCloseTo(sum, within(1e-9 + 1e-6 * sum));
        }
        assertThat(module(m, "blocks.3.mlp").inherited()).isPositive();
    }

    @Test
    void halfPrecisionIsCloseAndTheSameTwice() {
        ComparisonManifest m = compare(
                side("the little cat"),
                RunRequest.builder().precision(Precision.FP16).build(),
                TEXT);
        ComparisonManifest again = compare(
                side("the little cat"),
                RunRequest.builder().precision(Precision.FP16).build(),
                TEXT);
        assertThat(again.hooks()).isEqualTo(m.hooks());
        assertThat(again.modules()).isEqualTo(m.modules());
        assertThat(again.prompt()).isEqualTo(m.prompt());
        assertThat(again.text()).isEqualTo(m.text());
        OutputMeasures o = m.text().measures();
        assertThat(o.meanKld().value()).isBetween(1e-12, 1e-3);
        assertThat(o.pplRatio().value()).isCloseTo(1, within(0.01));
        assertThat(o.pplRatio().error()).isLessThan(o.pplA().error() / 10);
        assertThat(m.firsts().get(0).hook()).isEqualTo(HookId.of(HookPoint.EMBED));
        assertThat(m.a().cost().weightBytes()).isGreaterThan(m.b().cost().weightBytes());
        assertThat(m.a().cost().kvBytesPerToken()).hasSize(4).containsOnly(2L * 2 * 16 * 4);
        assertThat(m.a().cost().decode().runs()).isEqualTo(2);
        assertThat(m.b().cost().firstToken().runs()).isEqualTo(2);
        assertThat(m.b().cost().between().tokens()).isEqualTo(2 * 2);
        assertThat(m.a().cost().lengths()).isEmpty();
        assertThat(m.a().cost().joules()).isNull(); // a CPU
    }

    @Test
    void costIsMeasuredAfterPromptsOfOtherLengthsToo() {
        ComparisonManifest.Cost cost = costs(List.of(40, 3, 40)).a().cost();
        assertThat(cost.lengths())
                .extracting(
                        ComparisonManifest.AtLength::tokens,
                        l -> l.prefill().runs(),
                        l -> l.firstToken().runs(),
                        l -> l.between().tokens())
                .containsExactly(tuple(3, 2, 2, 4), tuple(40, 2, 2, 4));
        int context = inspector
                .models()
                .details(inspector.models().defaultSlug())
                .spec()
                .maxContext();
        assertThatThrownBy(() -> costs(List.of(context)))
                .isInstanceOf(Problem.class)
                .hasMessageContaining("cost_lengths")
                .hasMessageContaining("1 to " + (context - 2));
        assertThatThrownBy(() -> costs(List.of(1, 2, 3, 4, 5, 6, 7, 8, 9)))
                .isInstanceOf(Problem.class)
                .hasMessageContaining("too many lengths");
    }

    private ComparisonManifest costs(List<Integer> lengths) {
        ComparisonRequest.Options options = ComparisonRequestOptionsBuilder.builder()
                .hooks(List.of("hook_embed"))
                .split(false)
                .cost(true)
                .decodeTokens(2)
                .repeats(2)
                .costLengths(lengths)
                .build();
        ComparisonRequest request = new ComparisonRequest(
                side("the little cat"),
                RunRequest.builder().precision(Precision.FP16).build(),
                null,
                null,
                options,
                null,
                null);
        return inspector.comparisons().compare(request, ComparisonListener.NONE);
    }

    @Test
    void aWaitIsThatOfTheNearestRank() {
        List<Double> ms = IntStream.rangeClosed(1, 200).mapToObj(i -> i / 2.0).collect(Collectors.toList());
        Collections.shuffle(ms, new Random(3));
        assertThat(CostComparison.waits(ms)).isEqualTo(new ComparisonManifest.Waits(50, 95, 99, 200));
        assertThat(CostComparison.waits(List.of(7.0))).isEqualTo(new ComparisonManifest.Waits(7, 7, 7, 1));
        assertThat(CostComparison.waits(List.of())).isNull();
    }

    @Test
    void whatBothSidesLeftIsGivenBack() {
        Intervention freeze = new Intervention(
                "blocks.1.hook_mlp_out", Intervention.Op.FREEZE, null, null, null, null, null, null, null);
        long before = CaptureMemory.lentBytes();
        ComparisonManifest m = compare(
                side("the cat"),
                RunRequest.builder().interventions(List.of(freeze)).build(),
                TEXT);
        assertThat(m.modules()).isNotEmpty();
        inspector
                .runs()
                .run(
                        RunRequest.builder()
                                .prompt("the cat")
                                .interventions(List.of(freeze))
                                .build(),
                        RunListener.NONE);
        assertThat(CaptureMemory.lentBytes()).isLessThanOrEqualTo(before);
    }

    @Test
    void everyTokenOfATextIsScoredOnce() {
        ComparisonManifest m = compare(side(null), RunRequest.builder().build(), TEXT);
        assertThat(m.text().windows()).isGreaterThan(1);
        List<ComparedToken> lines = inspector.comparisons().tokens(m.id(), Comparisons.Part.TEXT, 0, 100_000);
        assertThat(lines)
                .extracting(ComparedToken::position)
                .containsExactlyElementsOf(
                        IntStream.range(-1, m.text().tokens() - 1).boxed().toList());
        assertThat(m.text().measures().scored()).isEqualTo(m.text().tokens());
        StringBuilder read = new StringBuilder();
        lines.forEach(l -> read.append(l.next().text()));
        assertThat(read.toString().trim()).isEqualTo(TEXT.trim());
        assertThat(inspector.comparisons().tokens(m.id(), Comparisons.Part.TEXT, 5, 2))
                .isEqualTo(lines.subList(5, 7));
    }

    @Test
    void aSmallBudgetTakesMorePassesAndGivesTheSame() {
        ComparisonManifest m = compare(
                side("Once upon a time"),
                RunRequest.builder().precision(Precision.FP16).build(),
                null);
        inspector.close();
        inspector = TextModel.open(temp, 80_000);
        Set<String> phases = new HashSet<>();
        AtomicInteger passes = new AtomicInteger();
        ComparisonManifest small = inspector
                .comparisons()
                .compare(
                        request(
                                side("Once upon a time"),
                                RunRequest.builder().precision(Precision.FP16).build(),
                                null),
                        new ComparisonListener() {
                            @Override
                            public void progress(Progress p) {
                                phases.add(p.phase());
                                if (p.phase().equals("hooks")) passes.set(p.total());
                            }
                        });
        assertThat(passes.get()).isGreaterThan(3);
        assertThat(phases).contains("opening", "hooks", "modules", "prompt", "cost");
        assertThat(small.hooks()).isEqualTo(m.hooks());
        assertThat(small.modules()).isEqualTo(m.modules());
        inspector.close();
        inspector = TextModel.open(temp, 5_000);
        assertThatThrownBy(() ->
                        compare(side("Once upon a time"), RunRequest.builder().build(), null))
                .isInstanceOfSatisfying(Problem.class, p -> {
                    assertThat(p.kind()).isEqualTo(Problem.Kind.TOO_LARGE);
                    assertThat(p.found()).contains("KiB");
                });
    }

    @Test
    void aCancelledComparisonLeavesNothing() throws Exception {
        for (int after : new int[] {0, 1, 3, 6}) {
            AtomicInteger asked = new AtomicInteger();
            assertThatThrownBy(() -> inspector
                            .comparisons()
                            .compare(
                                    request(
                                            side("the cat"),
                                            RunRequest.builder().build(),
                                            TEXT),
                                    new ComparisonListener() {
                                        @Override
                                        public boolean cancelled() {
                                            return asked.getAndIncrement() >= after;
                                        }
                                    }))
                    .isInstanceOf(Problem.class)
                    .hasMessageContaining("cancelled");
        }
        assertThat(inspector.comparisons().list(10, null)).isEmpty();
        try (var files = Files.list(temp.resolve("runs/comparisons"))) {
            assertThat(files.map(p -> p.getFileName().toString()).filter(n -> n.startsWith(".tmp")))
                    .isEmpty();
        }
    }

    @Test
    void theOldestGoWhenTheStoreIsFull() throws Exception {
        ComparisonManifest first = compare(side("the cat"), RunRequest.builder().build(), null);
        long one;
        try (var files = Files.walk(temp.resolve("runs/comparisons").resolve(first.id()))) {
            one = files.filter(Files::isRegularFile)
                    .mapToLong(p -> p.toFile().length())
                    .sum();
        }
        inspector.close();
        inspector = Inspector.open(new InspectorConfig(
                List.of(Golden.ROOT), temp.resolve("tiny-text"), temp.resolve("runs"), one * 5 / 2, 8L << 20, 4));
        ComparisonManifest second =
                compare(side("the cat"), RunRequest.builder().build(), null);
        assertThat(inspector.comparisons().list(10, null)).hasSize(2);
        ComparisonManifest third = compare(side("the cat"), RunRequest.builder().build(), null);
        assertThat(inspector.comparisons().list(10, null))
                .extracting(Comparisons.Summary::id)
                .containsExactly(third.id(), second.id());
        assertThatThrownBy(() -> inspector.comparisons().manifest(first.id())).hasMessageContaining("no such");
        inspector.close();
        inspector = Inspector.open(new InspectorConfig(
                List.of(Golden.ROOT), temp.resolve("tiny-text"), temp.resolve("runs"), 1, 8L << 20, 4));
        ComparisonManifest last = compare(side("the cat"), RunRequest.builder().build(), null);
        assertThat(inspector.comparisons().list(10, null))
                .extracting(Comparisons.Summary::id)
                .containsExactly(last.id());
    }

    @Test
    void anotherVocabularyIsRefused() {
        assertThatThrownBy(() -> compare(side("the cat"), model("gemma3"), null))
                .isInstanceOfSatisfying(Problem.class, p -> {
                    assertThat(p.kind()).isEqualTo(Problem.Kind.UNSUPPORTED);
                    assertThat(p.getMessage()).contains("same vocabulary");
                    assertThat(p.found()).contains("320").contains("gemma3 has 256");
                    assertThat(p.instead()).contains("share a tokenizer");
                });
    }

    private static RunRequest model(String slug) {
        return RunRequest.builder().model(slug).build();
    }

    @Test
    void twoPromptsOfOneLengthAndNoOthers() {
        ComparisonManifest m = inspector
                .comparisons()
                .compare(
                        new ComparisonRequest(tokens(1, 5, 9), tokens(1, 5, 11), null, null, options(), null, null),
                        ComparisonListener.NONE);
        assertThat(m.firsts().get(0).hook()).isEqualTo(HookId.of(HookPoint.EMBED));
        assertThat(m.firsts().get(0).position()).isEqualTo(2);
        assertThat(m.prompt().scored()).isZero();
        Tensor resid = inspector.comparisons().divergence(m.id(), HookPoint.RESID_POST, "relative_l2");
        assertThat(resid.shape()).containsExactly(4, 3);
        for (int layer = 0; layer < 4; layer++) {
            assertThat(resid.get(layer * 3L)).isZero();
            assertThat(resid.get(layer * 3L + 1)).isZero();
            assertThat(resid.get(layer * 3L + 2)).isPositive();
        }
        refused("same length", tokens(1, 5, 9), tokens(1, 5), null);
        refused("something to read", tokens(), tokens(), null);
        assertThatThrownBy(() -> inspector
                        .comparisons()
                        .compare(
                                new ComparisonRequest(tokens(1, 2), null, null, null, null, null, null),
                                ComparisonListener.NONE))
                .hasMessageContaining("missing");
        assertThatThrownBy(() -> inspector.comparisons().manifest("20261125-003512-417-a1b2c3"))
                .isInstanceOfSatisfying(Problem.class, p -> assertThat(p.kind()).isEqualTo(Problem.Kind.NOT_FOUND));
        inspector.comparisons().delete(m.id());
        assertThat(inspector.comparisons().list(10, null)).isEmpty();
    }

    private void refused(String why, RunRequest a, RunRequest b, String text) {
        assertThatThrownBy(() -> compare(a, b, text))
                .isInstanceOf(Problem.class)
                .hasMessageContaining(why);
    }

    private ComparisonManifest compare(RunRequest a, RunRequest b, String text) {
        return inspector.comparisons().compare(request(a, b, text), ComparisonListener.NONE);
    }

    private static ComparisonRequest request(RunRequest a, RunRequest b, String text) {
        return new ComparisonRequest(a, b, text, null, options(), null, null);
    }

    private static ComparisonRequest.Options options() {
        return new ComparisonRequest.Options(null, null, null, 32, null, null, 2, 2);
    }

    private static ComparisonManifest.ModuleError module(ComparisonManifest m, String name) {
        return m.modules().stream()
                .filter(e -> e.module().equals(name))
                .findFirst()
                .orElseThrow();
    }

    private static RunRequest side(String prompt) {
        return RunRequest.builder().prompt(prompt == null ? "the cat" : prompt).build();
    }

    private static RunRequest tokens(int... ids) {
        List<Integer> tokens =
                ids.length == 0 ? null : IntStream.of(ids).boxed().toList();
        return RunRequest.builder().tokens(tokens).build();
    }
}
