package org.llminspector.run.replay;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;
import static org.assertj.core.api.Assertions.within;
import static org.llminspector.run.Requests.greedy;
import static org.llminspector.run.Requests.prompt;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.stream.Stream;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.llminspector.base.Problem;
import org.llminspector.base.Slice;
import org.llminspector.base.Tensor;
import org.llminspector.capture.Intervention;
import org.llminspector.hook.HookId;
import org.llminspector.hook.HookPoint;
import org.llminspector.run.Inspector;
import org.llminspector.run.RunListener;
import org.llminspector.run.TextModel;
import org.llminspector.run.request.RunRequestBuilder;
import org.llminspector.run.store.PositionRange;
import org.llminspector.run.store.RunManifest;
import org.llminspector.run.store.RunStore;

/** Recaptures of hooks that a run of a tiny real model lacks. */
public class RecapturesTest {

    private static final HookId PATTERN = HookId.of(HookPoint.PATTERN, 1);
    private static final String PATTERNS = "blocks.*.attn.hook_pattern";
    private static final long BUDGET = 2L << 20;

    @TempDir
    Path temp;

    @AutoClose
    private Inspector inspector;

    @BeforeEach
    void open() {
        inspector = TextModel.open(temp, BUDGET);
    }

    private static RecaptureRequest ask(String... hooks) {
        return new RecaptureRequest(List.of(hooks), null, null);
    }

    private RunManifest run(RunRequestBuilder request) {
        return inspector.runs().run(request.build(), RunListener.NONE);
    }

    private Problem refusal(String run, RecaptureRequest request) {
        return catchThrowableOfType(
                Problem.class, () -> inspector.runs().recaptures().extend(run, request));
    }

    @ParameterizedTest
    @CsvSource({"torch", "onnx"})
    void whatIsReadAgainIsWhatTheRunWouldHaveCaptured(String engine) {
        // Changes by position, a mean over the prompt, and chance: all must be as they were.
        RunRequestBuilder request = prompt("Once upon a time")
                .engine(engine)
                .interventions(List.of(
                        new Intervention(
                                "blocks.1.attn.hook_z",
                                Intervention.Op.SCALE,
                                List.of(2),
                                List.of(1, 12),
                                null,
                                null,
                                3.0,
                                null,
                                null),
                        new Intervention(
                                "blocks.0.hook_mlp_out",
                                Intervention.Op.MEAN,
                                null,
                                null,
                                null,
                                null,
                                null,
                                null,
                                null)))
                .generate(new org.llminspector.generate.GenerateOptions(
                        5, null, 1.3, 20, null, null, null, 11L, null, 4, true, null, null));
        RunManifest all = run(request.capture(List.of("*")));
        RunManifest some = run(request.capture(List.of("logits")));
        RunManifest extended = inspector.runs().recaptures().extend(some.id(), ask("*"));
        assertThat(extended).isEqualTo(inspector.runs().stored().manifest(some.id()));
        assertThat(extended.captures()).hasSameSizeAs(all.captures());
        for (RunManifest.CaptureEntry c : all.captures()) {
            Tensor added = inspector.runs().stored().capture(some.id(), c.hook());
            assertThat(added.shape())
                    .isEqualTo(inspector
                            .runs()
                            .stored()
                            .capture(all.id(), c.hook())
                            .shape());
            float[] is = added.toFloats();
            float[] was = inspector.runs().stored().capture(all.id(), c.hook()).toFloats();
            for (int i = 0; i < is.length; i++) {
                if (is[i] != was[i])
                    assertThat(is[i])
                            .as(c.hook() + " " + i)
                            .isCloseTo(was[i], org.assertj.core.data.Offset.offset(1e-4f));
            }
        }
        RunManifest.Recapture e = extended.recaptures().get(0);
        assertThat(e.number()).isEqualTo(1);
        assertThat(e.hooks()).contains(PATTERN).doesNotContain(HookId.of(HookPoint.LOGITS));
        assertThat(e.engine().form()).isEqualTo("hooked");
        assertThat(e.agreement().of()).isEqualTo("logits");
        assertThat(e.agreement().values()).isEqualTo(320L * some.positions());
        assertThat(e.agreement().maxAbsDifference()).isLessThan(1e-3);
        assertThat(e.agreement().bitEqual()).isEqualTo(e.agreement().maxAbsDifference() == 0);
        assertThat(e.created()).isGreaterThanOrEqualTo(some.created());
        assertThat(inspector.runs().stored().list(1, null).get(0).captures())
                .isEqualTo(all.captures().size());
        assertThat(inspector.runs().stored().list(1, null).get(0).bytes())
                .isGreaterThan(all.captures().stream()
                        .mapToLong(RunManifest.CaptureEntry::bytes)
                        .sum());
    }

    @Test
    void onlyWhatLacksIsReadAndOnlyOnce() throws Exception {
        RunManifest run = run(prompt("Once upon")
                .capture(List.of("blocks.1.attn.hook_pattern"))
                .generate(greedy(2)));
        Path own = temp.resolve("runs").resolve(run.id());
        byte[] manifest = Files.readAllBytes(own.resolve("manifest.json"));
        RecapturePlan plan = inspector.runs().recaptures().plan(run.id(), ask(PATTERNS));
        long n = run.positions();
        assertThat(plan.hooks()).hasSize(3).doesNotContain(PATTERN);
        assertThat(plan.bytes()).isEqualTo(3 * 4 * n * n * 4);
        assertThat(plan.budgetBytes()).isEqualTo(BUDGET);
        assertThat(inspector.runs().stored().manifest(run.id()))
                .as("a plan changes nothing")
                .isEqualTo(run);
        RunManifest extended = inspector.runs().recaptures().extend(run.id(), ask(PATTERNS));
        assertThat(extended.captures().stream()
                        .mapToLong(RunManifest.CaptureEntry::bytes)
                        .sum())
                .isEqualTo(plan.bytes() * 4 / 3);
        assertThat(extended.recaptures().get(0).agreement().of())
                .as("no captured logits")
                .isEqualTo("alternatives");
        assertThat(extended.recaptures().get(0).agreement().values()).isEqualTo(2L * 10);
        assertThat(inspector.runs().recaptures().plan(run.id(), ask(PATTERNS)).hooks())
                .isEmpty();
        assertThat(inspector.runs().recaptures().extend(run.id(), ask(PATTERNS)))
                .isEqualTo(extended);
        assertThat(Files.readAllBytes(own.resolve("manifest.json")))
                .as("the run itself never changes")
                .isEqualTo(manifest);
        RunManifest bare = run(prompt("Once upon"));
        assertThat(inspector
                        .runs()
                        .recaptures()
                        .extend(bare.id(), ask("logits"))
                        .recaptures()
                        .get(0)
                        .agreement())
                .as("nothing to compare")
                .isNull();
    }

    @ParameterizedTest
    @CsvSource({"torch", "onnx"})
    void nothingIsReadBehindTheLastPositionThatIsWanted(String engine) {
        RunRequestBuilder request = prompt("Once upon a time").engine(engine).generate(greedy(6));
        RunManifest all = run(request.capture(List.of("*")));
        RunManifest some = run(request.capture(List.of("logits")));
        int prompt = some.promptLength();
        for (int pos : new int[] {prompt - 1, prompt + 2}) {
            RunManifest extended = inspector
                    .runs()
                    .recaptures()
                    .extend(some.id(), new RecaptureRequest(List.of("*"), String.valueOf(pos), null));
            for (RunManifest.CaptureEntry c : all.captures()) {
                Tensor added = RunValues.row(inspector.runs().stored(), some.id(), c.hook(), pos);
                Tensor was = RunValues.row(inspector.runs().stored(), all.id(), c.hook(), pos);
                assertThat(added.shape()).as(c.hook().name()).isEqualTo(was.shape());
                assertThat(added.toFloats()).as(c.hook().name()).containsExactly(was.toFloats(), within(1e-4f));
            }
            assertThat(extended.recaptures())
                    .last()
                    .extracting(e -> e.agreement().values())
                    .as("rows over all keys need all that was read")
                    .isEqualTo(320L * some.positions());
        }
        RunManifest more = inspector
                .runs()
                .recaptures()
                .extend(
                        run(request.capture(List.of("logits"))).id(),
                        new RecaptureRequest(List.of("blocks.*.hook_resid_post"), String.valueOf(prompt - 1), null));
        assertThat(more.recaptures().get(0).agreement().values()).isEqualTo(320L * prompt);
        assertThat(RunValues.row(inspector.runs().stored(), more.id(), HookId.of(HookPoint.RESID_POST, 1), prompt - 1)
                        .toFloats())
                .containsExactly(
                        RunValues.row(
                                        inspector.runs().stored(),
                                        all.id(),
                                        HookId.of(HookPoint.RESID_POST, 1),
                                        prompt - 1)
                                .toFloats(),
                        within(1e-4f));
    }

    @Test
    void somePositionsAreKeptUnderTheRunsOwnNumbers() {
        RunManifest run = run(prompt("Once upon a time there was"));
        int n = run.positions();
        String id = run.id();
        RunManifest one = inspector.runs().recaptures().extend(id, new RecaptureRequest(List.of(PATTERNS), "-2", null));
        assertThat(one.captures().get(0).positions()).isEqualTo(new PositionRange(n - 2, n - 1));
        assertThat(one.captures().get(0).shape()).containsExactly(1L, 4L, 1L, (long) n);
        RunStore.Captured row = inspector.runs().stored().captured(id, PATTERN, Slice.at(n - 2));
        assertThat(row.start()).isEqualTo(n - 2);
        assertThat(row.whole()).isFalse();
        assertThat(inspector
                        .runs()
                        .stored()
                        .captured(id, PATTERN, null)
                        .tensor()
                        .toFloats())
                .isEqualTo(row.tensor().toFloats());
        assertThat(catchThrowableOfType(
                        Problem.class, () -> inspector.runs().stored().captured(id, PATTERN, Slice.at(1))))
                .hasMessageContaining((n - 2) + ":" + (n - 1));
        assertThat(catchThrowableOfType(
                                Problem.class, () -> inspector.runs().stored().capture(id, PATTERN))
                        .kind())
                .isEqualTo(Problem.Kind.NOT_FOUND);
        assertThat(inspector.analyses().heads().profiles(id).heads())
                .as("what all heads do is read again, and not kept")
                .hasSize(one.model().nLayers() * one.model().nHeads());
        assertThat(inspector.runs().stored().manifest(id)).isEqualTo(one);
        inspector.runs().recaptures().extend(id, new RecaptureRequest(List.of(PATTERNS), "0:2", null));
        assertThat(catchThrowableOfType(
                        Problem.class, () -> inspector.runs().stored().captured(id, PATTERN, null)))
                .hasMessageContaining("several stretches");
        RunManifest whole = inspector.runs().recaptures().extend(id, ask(PATTERNS));
        assertThat(whole.recaptures()).extracting(RunManifest.Recapture::number).containsExactly(1, 2, 3);
        Tensor all = inspector.runs().stored().capture(id, PATTERN);
        assertThat(all.slice(new int[] {0, 1}, new int[] {0, 4}, new int[] {n - 2, n - 1}, new int[] {0, n})
                        .toFloats())
                .isEqualTo(row.tensor().toFloats());
    }

    @Test
    void moreThanFitsOneReadingIsReadInSeveral() {
        RunManifest run = run(prompt("Once upon a time ".repeat(12)));
        int n = run.positions();
        assertThat(refusal(run.id(), ask("*")).kind()).as("over the budget").isEqualTo(Problem.Kind.TOO_LARGE);
        RecaptureRequest last = new RecaptureRequest(List.of("*"), String.valueOf(n - 1), null);
        assertThat(16L * n * n * 4 * 2).as("scores and patterns of one reading").isGreaterThan(BUDGET / 2);
        RunManifest extended = inspector.runs().recaptures().extend(run.id(), last);
        assertThat(extended.recaptures()).hasSize(1);
        assertThat(extended.captures()).allMatch(c -> c.positions().equals(new PositionRange(n - 1, n)));
        double sum = 0;
        for (float p : inspector
                .runs()
                .stored()
                .captured(run.id(), PATTERN, null)
                .tensor()
                .toFloats()) sum += p;
        assertThat(sum).as("one row of each of four heads").isCloseTo(4, org.assertj.core.data.Offset.offset(1e-5));
    }

    @Test
    void whatCannotBeIsSaid() {
        RunManifest run = run(prompt("Once upon a time"));
        assertThat(refusal(run.id(), new RecaptureRequest(List.of(PATTERNS), null, 10L)))
                .hasMessageContaining("max_bytes")
                .extracting(Problem::kind)
                .isEqualTo(Problem.Kind.TOO_LARGE);
        assertThat(refusal(run.id(), new RecaptureRequest(List.of(), null, null))
                        .where())
                .isEqualTo("capture");
        assertThat(refusal(run.id(), new RecaptureRequest(List.of("logits"), "99", null))
                        .where())
                .isEqualTo("positions");
        assertThat(refusal(run.id(), ask("hook_pos_embed")).kind()).isEqualTo(Problem.Kind.UNSUPPORTED);
        assertThat(refusal(run.id(), ask("blocks.0.hook_nothing")).kind()).isEqualTo(Problem.Kind.INVALID);
        inspector.runs().stored().delete(run.id());
        assertThat(refusal(run.id(), ask("logits")).kind()).isEqualTo(Problem.Kind.NOT_FOUND);
    }

    @Test
    void otherWeightsAreAnotherRun() throws Exception {
        RunManifest run = run(prompt("Once upon a time"));
        Path file = temp.resolve("runs").resolve(run.id()).resolve("manifest.json");
        Files.writeString(file, Files.readString(file).replace(run.model().weightsSha256(), "0".repeat(64)));
        assertThat(refusal(run.id(), ask("logits")))
                .hasMessageContaining("no longer those")
                .extracting(Problem::kind)
                .isEqualTo(Problem.Kind.CONFLICT);
    }

    @Test
    void twoWhoAskAtOnceGetOneReading() throws Exception {
        RunManifest run = run(prompt("Once upon a time"));
        CountDownLatch go = new CountDownLatch(1);
        List<CompletableFuture<RunManifest>> answers = new ArrayList<>();
        for (int i = 0; i < 3; i++) {
            answers.add(CompletableFuture.supplyAsync(() -> {
                try {
                    go.await();
                } catch (InterruptedException e) {
                    throw new IllegalStateException(e);
                }
                return inspector.runs().recaptures().extend(run.id(), ask(PATTERNS));
            }));
        }
        go.countDown();
        for (CompletableFuture<RunManifest> answer : answers) {
            assertThat(answer.get().recaptures()).hasSize(1);
            assertThat(answer.get().captures()).hasSize(4);
        }
    }

    @Test
    void aDeletedRunStaysDeleted() throws Exception {
        RunManifest run = run(prompt("Once upon a time").capture(List.of("logits")));
        RunManifest.Recapture reading = new RunManifest.Recapture(
                0, run.created(), run.version(), List.of(PATTERN), null, run.engine(), 1, null);
        java.util.TreeMap<HookId, Tensor> tensors = new java.util.TreeMap<>();
        tensors.put(PATTERN, Tensor.of(new float[4], 1, 1, 2, 2));
        inspector.runs().stored().extend(run.id(), reading, tensors);
        assertThat(inspector.runs().stored().capture(run.id(), PATTERN).size()).isEqualTo(4);
        inspector.runs().stored().delete(run.id());
        assertThat(catchThrowableOfType(
                                Problem.class, () -> inspector.runs().stored().extend(run.id(), reading, tensors))
                        .kind())
                .isEqualTo(Problem.Kind.NOT_FOUND);
        try (Stream<Path> left = Files.list(temp.resolve("runs"))) {
            assertThat(left.map(p -> p.getFileName().toString())).noneMatch(n -> n.contains(run.id()));
        }
    }
}
