package org.llminspector.run;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;
import static org.assertj.core.api.Assertions.within;
import static org.llminspector.run.Requests.greedy;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.llminspector.base.Problem;
import org.llminspector.base.Tensor;
import org.llminspector.capture.Intervention;
import org.llminspector.capture.Intervention.Op;
import org.llminspector.capture.InterventionBuilder;
import org.llminspector.generate.GenerateOptions;
import org.llminspector.generate.GeneratedToken;
import org.llminspector.generate.NextToken;
import org.llminspector.hook.HookId;
import org.llminspector.hook.HookPoint;
import org.llminspector.run.compare.ComparisonListener;
import org.llminspector.run.replay.RecaptureRequest;
import org.llminspector.run.request.Branch;
import org.llminspector.run.request.ComparisonRequest;
import org.llminspector.run.request.RunRequest;
import org.llminspector.run.request.RunRequestBuilder;
import org.llminspector.run.store.ComparisonManifest;
import org.llminspector.run.store.RunManifest;
import org.llminspector.tokenize.Token;

/**
 * Every intervention operation, on both engines, in everything that may continue from a cached prefix: the answer is
 * that of a whole run of the same tokens in a program without caches.
 */
class InterventionsWithCachesTest {

    private static final List<Integer> PROMPT = List.of(1, 5, 9, 2, 7, 40, 33, 12, 8, 21);
    private static final HookId LOGITS = HookId.of(HookPoint.LOGITS);
    private static final HookId RESIDUAL = HookId.of(HookPoint.RESID_POST, 1);
    private static final double NOISE = 2e-4;

    @TempDir
    static Path temp;

    @AutoClose
    private static Inspector kept;

    /** Another program, whose runs never continue from a cache. */
    @AutoClose
    private static Inspector fresh;

    @BeforeAll
    static void open() {
        kept = TextModel.open(temp.resolve("kept"), 1 << 28);
        fresh = TextModel.open(temp.resolve("fresh"), 1 << 28);
    }

    static Stream<Arguments> operations() {
        return Stream.of("torch", "onnx").flatMap(e -> Stream.of(Op.values()).map(op -> Arguments.of(e, op)));
    }

    /** Large changes, where positions are named of some up to the last that every asked sequence has. */
    private static List<Intervention> changes(Op op, String source, int last) {
        InterventionBuilder mlp =
                InterventionBuilder.builder().hook("blocks.0.hook_mlp_out").op(op);
        return switch (op) {
            case ZERO -> List.of(mlp.positions(List.of(1, 4, last - 1, last)).build());
            case MEAN ->
                List.of(
                        mlp.build(),
                        InterventionBuilder.builder()
                                .hook("blocks.1.hook_resid_pre")
                                .op(op)
                                .positions(List.of(2, last - 1, last))
                                .build());
            case SCALE -> List.of(mlp.value(-3.0).build());
            case ADD ->
                List.of(mlp.features(List.of(0, 3)).values(List.of(4.0, -5.0)).build());
            case REPLACE ->
                List.of(mlp.from(new Intervention.From(source, null)).build());
            case MASK ->
                List.of(InterventionBuilder.builder()
                        .hook("blocks.*.attn.hook_attn_scores")
                        .op(op)
                        .keys(List.of(1, 2, last - 2))
                        .positions(List.of(3, last - 1, last))
                        .build());
            case SCALE_ALONG, CAP_ALONG, ADD_ALONG ->
                List.of(InterventionBuilder.builder()
                        .hook("blocks.*.hook_resid_post")
                        .op(op)
                        .features(List.of(0, 3, 4))
                        .values(List.of(4.0, -5.0, 1.0))
                        .value(-3.0)
                        .build());
            case FREEZE ->
                List.of(
                        InterventionBuilder.builder()
                                .hook("blocks.0.hook_mlp_out")
                                .op(Op.SCALE)
                                .value(-3.0)
                                .build(),
                        InterventionBuilder.builder()
                                .hook("blocks.1.attn.hook_pattern")
                                .op(op)
                                .build());
        };
    }

    private static RunRequestBuilder request(List<Integer> tokens, String engine) {
        return RunRequest.builder().tokens(tokens).engine(engine);
    }

    /** A run of the same name in both programs whose values REPLACE puts in. */
    private static List<Intervention> changes(Inspector inspector, Op op, String engine, int last) {
        if (op != Op.REPLACE) return changes(op, null, last);
        RunRequest other = request(List.of(3, 60, 61, 62, 63, 64, 65, 66, 67, 68, 69, 70), engine)
                .capture(List.of("blocks.0.hook_mlp_out"))
                .build();
        return changes(op, inspector.runs().run(other, RunListener.NONE).id(), last);
    }

    private static List<Integer> ids(RunManifest run) {
        return run.tokens().stream().map(Token::id).toList();
    }

    private static void same(RunManifest is, RunManifest whole) {
        assertThat(ids(is)).isEqualTo(ids(whole));
        for (int i = 0; i < whole.generation().steps().size(); i++) {
            GeneratedToken a = whole.generation().steps().get(i);
            GeneratedToken b = is.generation().steps().get(i);
            assertThat(b.logprob()).as("token " + i).isCloseTo(a.logprob(), within(NOISE));
            for (int k = 0; k < a.alternatives().size(); k++) {
                assertThat(b.alternatives().get(k).logit())
                        .isCloseTo(a.alternatives().get(k).logit(), within(NOISE));
            }
        }
    }

    @ParameterizedTest
    @MethodSource("operations")
    void aRunAndItsBranchesAreWholeRuns(String engine, Op op) {
        RunRequestBuilder asked = request(PROMPT, engine).generate(greedy(6));
        RunManifest whole = fresh.runs()
                .run(asked.interventions(changes(fresh, op, engine, 7)).build(), RunListener.NONE);
        RunManifest plain = fresh.runs().run(asked.interventions(List.of()).build(), RunListener.NONE);
        assertThat(whole.generation().steps().get(0).logprob())
                .as("the change is felt")
                .isNotCloseTo(plain.generation().steps().get(0).logprob(), within(0.01));
        RunRequest changed = asked.interventions(changes(kept, op, engine, 7)).build();
        kept.runs().sampling().scoresAfterOthers(request(ids(whole), engine).build(), 1);
        RunManifest run = kept.runs().run(changed, new RunListener() {
            @Override
            public boolean reuses() {
                return true;
            }
        });
        same(run, whole);
        for (int position : new int[] {3, PROMPT.size(), PROMPT.size() + 3}) {
            RunManifest branch = kept.runs()
                    .run(
                            RunRequest.builder()
                                    .branch(new Branch(run.id(), position, 17, null))
                                    .generate(greedy(4))
                                    .build(),
                            RunListener.NONE);
            List<Integer> tokens = ids(branch).subList(0, position + 1);
            assertThat(branch.timings().reusedPositions())
                    .as("an operation over the prompt reads a longer prompt again")
                    .isEqualTo(op.dependsOnPrompt() ? 0 : position);
            same(
                    branch,
                    fresh.runs()
                            .run(
                                    request(tokens, engine)
                                            .interventions(changes(fresh, op, engine, 7))
                                            .generate(greedy(4))
                                            .build(),
                                    RunListener.NONE));
        }
    }

    @ParameterizedTest
    @MethodSource("operations")
    void continuationsAreWholeRuns(String engine, Op op) {
        GenerateOptions drawn =
                new GenerateOptions(5, null, 1.0, null, null, null, null, 7L, null, 4, true, null, null);
        RunRequestBuilder asked = request(PROMPT, engine).interventions(changes(kept, op, engine, 12));
        RunManifest run = kept.runs().run(asked.generate(greedy(3)).build(), RunListener.NONE);
        RunRequest branch = RunRequest.builder()
                .branch(new Branch(run.id(), PROMPT.size() - 2, null, null))
                .generate(drawn)
                .build();
        List<Intervention> changes = changes(fresh, op, engine, 12);
        for (RunRequest from : List.of(asked.generate(drawn).build(), branch)) {
            List<Integer> tokens = from.branch() != null ? PROMPT.subList(0, PROMPT.size() - 2) : PROMPT;
            for (Sampling.Continuation c :
                    kept.runs().sampling().continuations(from, 3).continuations()) {
                RunManifest alone = fresh.runs()
                        .run(
                                request(tokens, engine)
                                        .interventions(changes)
                                        .generate(drawn.withSeed(c.seed()))
                                        .build(),
                                RunListener.NONE);
                assertThat(c.tokens())
                        .isEqualTo(alone.tokens()
                                .subList(tokens.size(), alone.tokens().size()));
                assertThat(c.logprob())
                        .isCloseTo(
                                alone.generation().steps().stream()
                                        .mapToDouble(GeneratedToken::logprob)
                                        .sum(),
                                within(5 * NOISE));
            }
        }
    }

    @ParameterizedTest
    @MethodSource("operations")
    void anExtensionHasWhatTheRunHad(String engine, Op op) {
        RunRequestBuilder asked = request(PROMPT, engine).generate(greedy(4));
        RunManifest whole = fresh.runs()
                .run(
                        asked.capture(List.of(RESIDUAL.name()))
                                .interventions(changes(fresh, op, engine, 12))
                                .build(),
                        RunListener.NONE);
        RunManifest run = kept.runs()
                .run(
                        asked.capture(List.of())
                                .interventions(changes(kept, op, engine, 12))
                                .build(),
                        RunListener.NONE);
        kept.runs().recaptures().extend(run.id(), new RecaptureRequest(List.of(RESIDUAL.name()), null, null));
        float[] is = kept.runs().stored().capture(run.id(), RESIDUAL).toFloats();
        float[] was = fresh.runs().stored().capture(whole.id(), RESIDUAL).toFloats();
        assertThat(is).hasSameSizeAs(was);
        for (int i = 0; i < is.length; i++) assertThat(is[i]).isCloseTo(was[i], within((float) NOISE));
    }

    @ParameterizedTest
    @MethodSource("operations")
    void scoresAreTheLogitsOfAWholeRun(String engine, Op op) {
        for (int last : new int[] {PROMPT.size() - 1, PROMPT.size() + 2}) {
            RunRequestBuilder asked =
                    request(PROMPT, engine).capture(List.of("logits")).generate(greedy(5));
            RunManifest whole = fresh.runs()
                    .run(asked.interventions(changes(fresh, op, engine, last)).build(), RunListener.NONE);
            List<Integer> text =
                    ids(whole).subList(PROMPT.size(), whole.tokens().size());
            RunRequest changed =
                    asked.interventions(changes(kept, op, engine, last)).build();
            RunManifest run = kept.runs().run(changed, RunListener.NONE);
            RunRequest plain = changed.toBuilder().capture(null).build();
            RunRequest branch = RunRequest.builder()
                    .branch(new Branch(run.id(), PROMPT.size(), null, null))
                    .build();
            for (long room : new long[] {Long.MAX_VALUE, 0}) {
                kept.runs().sampling().scoring().mostLogits = room;
                for (RunRequest from : List.of(plain, branch)) {
                    same(kept.runs().sampling().scores(from, null, text, null, 1), whole, PROMPT.size());
                    same(
                            kept.runs().sampling().scores(from, null, text, PROMPT.size() + 2, 1),
                            whole,
                            PROMPT.size() + 2);
                    if (room == 0 && op.dependsOnPrompt()) {
                        Problem refused = catchThrowableOfType(
                                Problem.class, () -> kept.runs().sampling().scores(from, null, text, 4, 1));
                        assertThat(refused.kind()).isEqualTo(Problem.Kind.TOO_LARGE);
                        assertThat(refused.where()).isEqualTo("from");
                        continue;
                    }
                    same(kept.runs().sampling().scores(from, null, text, 4, 1), whole, 4);
                    if (last < PROMPT.size()) same(kept.runs().sampling().scores(from, null, null, null, 1), whole, 1);
                }
            }
        }
    }

    /** Scores from a position on, against the logits that the whole run captured. */
    private static void same(Scores scores, RunManifest whole, int first) {
        Tensor logits = fresh.runs().stored().capture(whole.id(), LOGITS);
        Tensor rows = logits.reshaped(logits.shape()[1], logits.shape()[2]);
        List<Double> expected = new ArrayList<>();
        int last = first + scores.tokens().size();
        assertThat(last).isIn(PROMPT.size(), whole.tokens().size());
        for (int i = first; i < last; i++) {
            float[] row = rows.rows(i - 1, i).toFloats();
            expected.add(NextToken.score(row, whole.tokens().get(i).id(), 0).logprob());
        }
        for (int i = 0; i < expected.size(); i++) {
            assertThat(scores.tokens().get(i).logprob())
                    .as("position " + (first + i))
                    .isCloseTo(expected.get(i), within(NOISE));
        }
    }

    /** A mean is over one pass's positions, so that the noise floor cannot be that of a prompt in pieces. */
    @ParameterizedTest
    @EnumSource(names = {"MEAN", "SCALE"})
    void theNoiseFloorOfAMeanIsNotMeasuredInPieces(Op op) {
        RunRequest changed =
                request(PROMPT, "torch").interventions(changes(op, null, 9)).build();
        ComparisonRequest.Options options =
                new ComparisonRequest.Options(null, null, null, null, null, false, null, null);
        ComparisonManifest made = kept.comparisons()
                .compare(
                        new ComparisonRequest(changed, changed, null, null, options, null, null),
                        ComparisonListener.NONE);
        if (op == Op.MEAN) assertThat(made.floor().why()).contains("a mean is over the positions of one pass");
        else assertThat(made.floor().why()).isNull();
    }
}
