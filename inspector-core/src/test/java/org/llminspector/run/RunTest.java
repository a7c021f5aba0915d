package org.llminspector.run;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;
import static org.llminspector.run.Requests.greedy;
import static org.llminspector.run.Requests.prompt;
import static org.llminspector.run.Requests.says;
import static org.llminspector.run.Requests.tokens;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.llminspector.base.Slice;
import org.llminspector.base.Tensor;
import org.llminspector.capture.Intervention;
import org.llminspector.engine.Precision;
import org.llminspector.engine.PrecisionPlan;
import org.llminspector.engine.cache.KvCacheReport;
import org.llminspector.engine.cache.KvFormat;
import org.llminspector.engine.cache.KvFormats;
import org.llminspector.generate.GeneratedToken;
import org.llminspector.golden.Golden;
import org.llminspector.hook.HookId;
import org.llminspector.hook.HookPoint;
import org.llminspector.run.inspect.Lens;
import org.llminspector.run.request.Branch;
import org.llminspector.run.request.Message;
import org.llminspector.run.request.RunRequest;
import org.llminspector.run.request.RunRequestBuilder;
import org.llminspector.run.store.RunManifest;
import org.llminspector.tokenize.Token;

/** A run of a tiny real model: its request, its progress, and what is stored. */
class RunTest {

    @TempDir
    Path temp;

    @AutoClose
    private Inspector inspector;

    @BeforeEach
    void open() {
        inspector = TextModel.open(temp, 2L << 20);
    }

    @Test
    void aRunIsKeptWithItsCaptures() {
        RunManifest m = inspector
                .runs()
                .run(
                        prompt("Once upon a time")
                                .capture(List.of("blocks.*.attn.hook_pattern", "logits"))
                                .generate(greedy(6))
                                .build(),
                        RunListener.NONE);
        int n = m.promptLength() + 6;
        assertThat(m.tokens()).hasSize(n);
        assertThat(m.text())
                .startsWith("Once upon a time")
                .isEqualTo("Once upon a time" + m.generation().text());
        assertThat(m.kvCache().positions()).isEqualTo(n - 1);
        assertThat(m.kvCache().bytes()).isEqualTo(2L * 2 * 16 * (n - 1) * 4 * 4);
        assertThat(m.captures()).hasSize(5);
        Tensor pattern = inspector.runs().stored().capture(m.id(), HookId.of(HookPoint.PATTERN, 3));
        assertThat(pattern.shape()).containsExactly(1, 4, n - 1, n - 1);
        Tensor logits = inspector.runs().stored().capture(m.id(), HookId.of(HookPoint.LOGITS));
        for (GeneratedToken step : m.generation().steps()) {
            float[] row = logits.slice(
                            new int[] {0, 1}, new int[] {step.position() - 1, step.position()}, new int[] {0, 320})
                    .toFloats();
            int best = 0;
            for (int i = 1; i < row.length; i++) if (row[i] > row[best]) best = i;
            assertThat(step.token().id())
                    .as("greedy picks the top of the captured logits")
                    .isEqualTo(best);
        }
        assertThat(inspector.runs().stored().manifest(m.id())).isEqualTo(m);
        assertThat(m.request().precision()).isEqualTo(Precision.FP32);
        assertThat(m.model().weightsSha256()).hasSize(64);
    }

    @Test
    void messagesAreWrittenByTheModelsChatTemplate() {
        RunManifest m = inspector.runs().run(says("Hello").generate(greedy(2)).build(), RunListener.NONE);
        assertThat(m.prompt()).isEqualTo("<s>user: Hello\nassistant:");
        assertThat(m.text()).isEqualTo(m.prompt() + m.generation().text());
        assertThat(m.tokens().get(0).id()).as("one BOS, the template's").isEqualTo(1);
        assertThat(m.tokens().get(1).id()).isNotEqualTo(1);
        assertThat(m.request().messages()).containsExactly(new Message("user", "Hello"));
        assertThat(m.request().addSpecialTokens()).isFalse();
        RunManifest said = inspector.runs().run(says("Hello", "Hi").build(), RunListener.NONE);
        assertThat(said.prompt())
                .as("no answer begins after the assistant's turn")
                .isEqualTo("<s>user: Hello\nassistant: Hi\n");
        RunManifest again = inspector
                .runs()
                .run(prompt(m.prompt().substring(3)).generate(greedy(2)).build(), RunListener.NONE);
        assertThat(again.tokens())
                .extracting(Token::id)
                .isEqualTo(m.tokens().stream().map(Token::id).toList());
    }

    @Test
    void listenersHearOfEverything() {
        List<String> heard = new ArrayList<>();
        inspector.runs().run(prompt("Hello").generate(greedy(3)).build(), new RunListener() {
            @Override
            public void started(String id, List<Token> prompt) {
                heard.add("started " + !prompt.isEmpty());
            }

            @Override
            public void prefilled(KvCacheReport kv, double ms) {
                heard.add("prefilled " + (kv.positions() > 0));
            }

            @Override
            public void token(GeneratedToken token, KvCacheReport kv) {
                heard.add("token");
            }
        });
        assertThat(heard).containsExactly("started true", "prefilled true", "token", "token", "token");
    }

    @Test
    void cancelKeepsWhatWasMade() {
        AtomicInteger made = new AtomicInteger();
        RunManifest m = inspector
                .runs()
                .run(prompt("Hello").generate(greedy(50)).build(), new RunListener() {
                    @Override
                    public void token(GeneratedToken token, KvCacheReport kv) {
                        made.incrementAndGet();
                    }

                    @Override
                    public boolean cancelled() {
                        return made.get() >= 3;
                    }
                });
        assertThat(m.generation().finishReason()).isEqualTo("cancelled");
        assertThat(m.generation().steps()).hasSize(3);
        assertThat(inspector.runs().stored().list(10, null)).hasSize(1);
    }

    @Test
    void activationPatchingFromAStoredRun() {
        RunManifest donor = inspector
                .runs()
                .run(
                        tokens(5, 6, 7, 8)
                                .capture(List.of("blocks.3.hook_resid_post", "logits"))
                                .build(),
                        RunListener.NONE);
        Intervention patch = new Intervention(
                "blocks.3.hook_resid_post",
                Intervention.Op.REPLACE,
                null,
                List.of(2),
                null,
                null,
                null,
                null,
                new Intervention.From(donor.id(), null));
        RunManifest patched = inspector
                .runs()
                .run(
                        tokens(9, 10, 11, 12)
                                .capture(List.of("logits"))
                                .interventions(List.of(patch))
                                .build(),
                        RunListener.NONE);
        int[][] row2 = {{0, 1}, {2, 3}, {0, 320}};
        HookId logits = HookId.of(HookPoint.LOGITS);
        assertThat(Golden.maxAbsDiff(
                        inspector
                                .runs()
                                .stored()
                                .capture(patched.id(), logits)
                                .slice(row2)
                                .toFloats(),
                        inspector
                                .runs()
                                .stored()
                                .capture(donor.id(), logits)
                                .slice(row2)
                                .toFloats()))
                .isLessThan(1e-5);
    }

    @Test
    void freezingEverythingUndoesAnotherIntervention() {
        HookId logits = HookId.of(HookPoint.LOGITS);
        RunManifest clean = inspector
                .runs()
                .run(tokens(5, 6, 7, 8).capture(List.of("logits")).build(), RunListener.NONE);
        Intervention break1 = new Intervention(
                "blocks.0.hook_attn_out", Intervention.Op.ZERO, null, null, null, null, null, null, null);
        Intervention freeze = new Intervention(
                "blocks.2.hook_resid_post", Intervention.Op.FREEZE, null, null, null, null, null, null, null);
        RunManifest both = inspector
                .runs()
                .run(
                        tokens(5, 6, 7, 8)
                                .capture(List.of("logits"))
                                .interventions(List.of(break1, freeze))
                                .build(),
                        RunListener.NONE);
        RunManifest broken = inspector
                .runs()
                .run(
                        tokens(5, 6, 7, 8)
                                .capture(List.of("logits"))
                                .interventions(List.of(break1))
                                .build(),
                        RunListener.NONE);
        float[] expected = inspector.runs().stored().capture(clean.id(), logits).toFloats();
        assertThat(Golden.maxAbsDiff(
                        inspector.runs().stored().capture(both.id(), logits).toFloats(), expected))
                .isLessThan(1e-5);
        assertThat(Golden.maxAbsDiff(
                        inspector.runs().stored().capture(broken.id(), logits).toFloats(), expected))
                .isGreaterThan(0.1);
    }

    @Test
    void theLensEndsInTheModelsOwnAnswer() {
        RunManifest m = inspector
                .runs()
                .run(
                        prompt("Once upon")
                                .capture(List.of("blocks.*.hook_resid_post", "logits"))
                                .build(),
                        RunListener.NONE);
        Lens lens = inspector.analyses().runs().lens(m.id(), HookPoint.RESID_POST, 3, Slice.ALL);
        assertThat(lens.rows()).hasSize(4);
        Lens.Row last = lens.rows().get(3);
        Tensor logits = inspector.runs().stored().capture(m.id(), HookId.of(HookPoint.LOGITS));
        for (Lens.Cell cell : last.cells()) {
            float[] row = logits.slice(new int[] {0, 1}, new int[] {cell.pos(), cell.pos() + 1}, new int[] {0, 320})
                    .toFloats();
            int best = 0;
            for (int i = 1; i < row.length; i++) if (row[i] > row[best]) best = i;
            assertThat(cell.top().get(0).id()).isEqualTo(best);
            assertThat(cell.finalTokenRank()).isZero();
            assertThat(cell.klToFinal()).isZero();
        }
        assertThat(lens.rows().get(0).cells().get(0).klToFinal()).isPositive();

        Lens one = inspector.analyses().runs().lens(m.id(), HookPoint.RESID_POST, 3, Slice.at(-1));
        for (int layer = 0; layer < 4; layer++) {
            List<Lens.Cell> all = lens.rows().get(layer).cells();
            Lens.Cell cell = one.rows().get(layer).cells().get(0);
            assertThat(one.rows().get(layer).cells()).hasSize(1);
            assertThat(cell.pos()).isEqualTo(all.size() - 1);
            assertThat(cell.top().get(0).id())
                    .isEqualTo(all.get(all.size() - 1).top().get(0).id());
            assertThat(cell.entropy()).isCloseTo(all.get(all.size() - 1).entropy(), within(1e-5));
        }
    }

    @Test
    void halfPrecisionIsNearAndSaysWhatItIs() {
        RunManifest full = inspector
                .runs()
                .run(tokens(5, 6, 7, 8).capture(List.of("logits")).build(), RunListener.NONE);
        RunManifest half = inspector
                .runs()
                .run(
                        tokens(5, 6, 7, 8)
                                .capture(List.of("logits"))
                                .precision(Precision.FP16)
                                .generate(greedy(4))
                                .build(),
                        RunListener.NONE);
        assertThat(half.engine().precision()).isEqualTo(Precision.FP16);
        assertThat(half.engine().arithmetic()).contains("fp16");
        assertThat(half.engine().weightBytes()).isLessThan(full.engine().weightBytes() * 6 / 10);
        HookId logits = HookId.of(HookPoint.LOGITS);
        int[][] prompt = {{0, 1}, {0, 4}, {0, 320}};
        double diff = Golden.maxAbsDiff(
                inspector
                        .runs()
                        .stored()
                        .capture(full.id(), logits)
                        .slice(prompt)
                        .toFloats(),
                inspector
                        .runs()
                        .stored()
                        .capture(half.id(), logits)
                        .slice(prompt)
                        .toFloats());
        assertThat(diff).isBetween(1e-6, 0.1);
    }

    @Test
    void theSecondEngineSaysTheSameAndWhichFormSaidIt() {
        RunRequestBuilder request = tokens(5, 6, 7, 8).generate(greedy(6));
        List<Integer> torch = inspector.runs().run(request.build(), RunListener.NONE).tokens().stream()
                .map(Token::id)
                .toList();
        RunManifest fast = inspector.runs().run(request.engine("onnx").build(), RunListener.NONE);
        assertThat(fast.engine().name()).isEqualTo("onnx");
        assertThat(fast.engine().form()).isEqualTo("fused");
        assertThat(fast.tokens()).extracting(Token::id).isEqualTo(torch);
        RunManifest hooked = inspector
                .runs()
                .run(
                        request.capture(List.of("blocks.*.hook_resid_post", "logits"))
                                .build(),
                        RunListener.NONE);
        assertThat(hooked.engine().form()).isEqualTo("hooked");
        assertThat(hooked.tokens()).extracting(Token::id).isEqualTo(torch);
        Lens lens = inspector.analyses().runs().lens(hooked.id(), HookPoint.RESID_POST, 1, Slice.ALL);
        assertThat(lens.rows().get(3).cells()).allMatch(c -> c.finalTokenRank() == 0);
        assertThat(inspector.models().engines()).extracting(c -> c.id()).containsExactly("torch", "onnx");
    }

    @Test
    void aPrecisionPlanIsPartOfTheRun() {
        PrecisionPlan plan = new PrecisionPlan(
                Precision.INT8, null, List.of(new PrecisionPlan.Part("unembed", Precision.FP16, null)));
        RunRequestBuilder request = tokens(5, 6, 7, 8).precisionPlan(plan);
        RunManifest m = inspector
                .runs()
                .run(
                        request.engine("onnx")
                                .capture(List.of("blocks.*.hook_resid_post", "logits"))
                                .build(),
                        RunListener.NONE);
        assertThat(m.engine().precision()).isEqualTo(Precision.INT8);
        assertThat(m.engine().arithmetic()).contains("1 module: fp16").contains("28 modules: int8");
        assertThat(inspector.runs().stored().manifest(m.id()).request().precisionPlan())
                .isEqualTo(plan);
        assertThat(inspector
                        .analyses()
                        .runs()
                        .lens(m.id(), HookPoint.RESID_POST, 1, Slice.ALL)
                        .rows()
                        .get(3)
                        .cells())
                .allMatch(c -> c.finalTokenRank() == 0);
    }

    /** Its branches cache in the same formats, and continue from no other cache. */
    @Test
    void aCachesFormatsArePartOfTheRun() {
        KvFormats codes = new KvFormats(KvFormat.INT8, KvFormat.FP16);
        for (String engine : List.of("torch", "onnx")) {
            RunManifest m = inspector
                    .runs()
                    .run(tokens(5, 6, 7, 8).engine(engine).kvCache(codes).build(), RunListener.NONE);
            assertThat(m.kvCache().formats()).isEqualTo(codes);
            assertThat(m.kvCache().dtype()).isEqualTo("I8, F16");
            assertThat(m.engine().arithmetic()).contains("KV cache in keys int8, values fp16");
            assertThat(inspector.runs().stored().manifest(m.id())).isEqualTo(m);
            RunManifest plain =
                    inspector.runs().run(tokens(5, 6, 7, 8).engine(engine).build(), RunListener.NONE);
            assertThat(m.kvCache().bytes()).isLessThan(plain.kvCache().bytes());
            RunRequest branch =
                    RunRequest.builder().branch(new Branch(m.id(), -1, 9, null)).build();
            RunManifest longer = inspector.runs().run(branch, RunListener.NONE);
            assertThat(longer.kvCache().formats()).isEqualTo(codes);
            assertThat(longer.timings().reusedPositions()).isZero();
        }
    }
}
