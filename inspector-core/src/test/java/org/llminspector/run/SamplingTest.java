package org.llminspector.run;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;
import static org.assertj.core.api.Assertions.within;
import static org.llminspector.run.Requests.prompt;

import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.llminspector.base.DType;
import org.llminspector.base.Problem;
import org.llminspector.capture.Intervention;
import org.llminspector.generate.GenerateOptions;
import org.llminspector.generate.GeneratedToken;
import org.llminspector.golden.Golden;
import org.llminspector.run.request.Branch;
import org.llminspector.run.request.RunRequest;
import org.llminspector.run.request.RunRequestBuilder;
import org.llminspector.run.store.RunManifest;
import org.llminspector.run.store.RunSummary;
import org.llminspector.tokenize.Token;

/** What may come next, asked of a tiny real model. */
class SamplingTest {

    @TempDir
    Path temp;

    @AutoClose
    private Inspector inspector;

    @BeforeEach
    void open() {
        inspector = TextModel.open(temp, 1 << 28);
    }

    private RunManifest run(RunRequestBuilder request) {
        return inspector.runs().run(request.build(), RunListener.NONE);
    }

    private static GenerateOptions drawn(int tokens, double temperature, long seed) {
        return new GenerateOptions(tokens, null, temperature, null, null, null, null, seed, null, 10, true, null, null);
    }

    private static GenerateOptions greedy(int tokens) {
        return new GenerateOptions(tokens, true, null, null, null, null, null, null, null, 10, true, null, null);
    }

    private static RunRequestBuilder branch(String run, Integer position, Integer token) {
        return RunRequest.builder().branch(new Branch(run, position, token, null));
    }

    private static List<Integer> ids(RunManifest run) {
        return run.tokens().stream().map(Token::id).toList();
    }

    /** The same tokens, read from the start: same tokens, and logits within 1e-4. */
    private void sameFromTheStart(RunManifest branch) {
        RunRequest r = branch.request();
        RunManifest whole = run(RunRequest.builder()
                .model(r.model())
                .engine(r.engine())
                .precision(r.precision())
                .interventions(r.interventions())
                .tokens(ids(branch).subList(0, branch.promptLength()))
                .generate(r.generate()));
        assertThat(ids(whole)).isEqualTo(ids(branch));
        assertThat(whole.timings().reusedPositions()).isNull();
        for (int i = 0; i < whole.generation().steps().size(); i++) {
            GeneratedToken a = whole.generation().steps().get(i);
            GeneratedToken b = branch.generation().steps().get(i);
            assertThat(b.logprob()).isCloseTo(a.logprob(), within(1e-4));
            for (int k = 0; k < a.alternatives().size(); k++) {
                assertThat(b.alternatives().get(k).logit())
                        .isCloseTo(a.alternatives().get(k).logit(), within(1e-4));
            }
        }
    }

    @ParameterizedTest
    @CsvSource({"torch,", "onnx,", "torch,gpt2", "onnx,gemma3", "torch,gemma2"})
    void aBranchReadsOnlyWhatIsNew(String engine, String model) {
        RunRequestBuilder request =
                RunRequest.builder().engine(engine).model(model).generate(greedy(6));
        RunManifest first =
                run(model == null ? request.prompt("Once upon a time") : request.tokens(List.of(5, 9, 2, 7)));
        int all = first.tokens().size();
        for (int position : new int[] {2, first.promptLength(), all - 2, all}) {
            RunManifest branch = run(branch(first.id(), position, null).generate(greedy(5)));
            assertThat(branch.timings().reusedPositions()).isEqualTo(position - 1);
            assertThat(branch.promptLength()).isEqualTo(position);
            assertThat(branch.engine().name()).isEqualTo(engine);
            sameFromTheStart(branch);
        }
        int other = first.generation().steps().get(1).alternatives().get(1).id();
        int position = first.promptLength() + 1;
        RunManifest branch = run(branch(first.id(), position, other).generate(drawn(12, 0.9, 3)));
        assertThat(branch.timings().reusedPositions()).isEqualTo(position);
        assertThat(ids(branch)).startsWith(ids(first).subList(0, position).toArray(new Integer[0]));
        assertThat(ids(branch).get(position)).isEqualTo(other);
        sameFromTheStart(branch);
        RunManifest again = run(branch(branch.id(), -3, null).generate(greedy(4)));
        assertThat(again.timings().reusedPositions()).isEqualTo(branch.tokens().size() - 4);
        assertThat(again.request().branch().generatedFrom()).isEqualTo(first.promptLength());
        sameFromTheStart(again);
        // The tree is found from its trunk, the branch of a branch too.
        assertThat(inspector.runs().stored().branches(first.id(), 100))
                .extracting(RunSummary::id)
                .contains(branch.id(), again.id())
                .doesNotContain(first.id());
        assertThat(inspector.runs().stored().branches(branch.id(), 100))
                .extracting(RunSummary::id, RunSummary::branchOf)
                .containsExactly(org.assertj.core.groups.Tuple.tuple(again.id(), branch.id()));
    }

    /** A vocabulary may be padded beyond its tokenizer's: an id without a text can be branched to. */
    @Test
    void anIdWithoutATokenIsRead() throws Exception {
        Path dir = TextModel.make(temp.resolve("padded"));
        java.nio.file.Files.copy(
                Path.of("src/test/resources/tokenizers/unigram/tokenizer.json"),
                dir.resolve("tokenizer.json"),
                java.nio.file.StandardCopyOption.REPLACE_EXISTING);
        try (Inspector padded = Inspector.open(
                new InspectorConfig(List.of(), dir, temp.resolve("padded-runs"), 1L << 30, 1L << 28, 4))) {
            RunManifest first =
                    padded.runs().run(prompt("the machine").generate(greedy(2)).build(), RunListener.NONE);
            RunManifest branch = padded.runs()
                    .run(branch(first.id(), -1, 300).generate(greedy(2)).build(), RunListener.NONE);
            assertThat(ids(branch)).contains(300);
            assertThat(branch.text()).startsWith("the machine");
        }
    }

    /** What changed the run changes its branch; what the kept cache cannot give is read from the start. */
    @Test
    void changesAndCapturesOfABranch() {
        List<Intervention> half = List.of(new Intervention(
                "blocks.1.attn.hook_z", Intervention.Op.SCALE, null, null, null, null, 0.2, null, null));
        RunManifest first = run(prompt("Once upon a time").interventions(half).generate(greedy(4)));
        RunManifest branch = run(branch(first.id(), -2, null).generate(greedy(3)));
        assertThat(branch.timings().reusedPositions()).isEqualTo(first.tokens().size() - 3);
        assertThat(branch.request().interventions()).isEqualTo(half);
        sameFromTheStart(branch);
        RunManifest without =
                run(branch(first.id(), -2, null).interventions(List.of()).generate(greedy(3)));
        assertThat(without.timings().reusedPositions()).isZero();
        RunManifest seen = run(branch(first.id(), -2, null).capture(List.of("logits")));
        assertThat(seen.timings().reusedPositions()).isZero();
        assertThat(seen.captures()).hasSize(1);
        RunManifest elsewhere = run(branch(first.id(), -2, null).engine("onnx").generate(greedy(3)));
        assertThat(elsewhere.timings().reusedPositions()).isZero();
        inspector.runs().stored().delete(first.id());
        Problem gone = catchThrowableOfType(Problem.class, () -> run(branch(first.id(), 2, null)));
        assertThat(gone.kind()).isEqualTo(Problem.Kind.NOT_FOUND);
    }

    @Test
    void seededTextsAreThoseOfRunsOfTheirOwn() {
        RunRequest request =
                prompt("Once upon a time").generate(drawn(5, 1.2, 40)).build();
        Sampling.Continuations made = inspector.runs().sampling().continuations(request, 7);
        assertThat(made.continuations())
                .isEqualTo(inspector.runs().sampling().continuations(request, 7).continuations());
        assertThat(made.continuations().stream()
                        .map(Sampling.Continuation::text)
                        .distinct())
                .hasSizeGreaterThan(3);
        for (Sampling.Continuation c : made.continuations()) {
            RunManifest alone = run(prompt("Once upon a time").generate(drawn(5, 1.2, c.seed())));
            assertThat(c.tokens())
                    .isEqualTo(alone.tokens()
                            .subList(alone.promptLength(), alone.tokens().size()));
            assertThat(c.text()).isEqualTo(alone.generation().text());
            assertThat(c.logprob())
                    .isCloseTo(
                            alone.generation().steps().stream()
                                    .mapToDouble(GeneratedToken::logprob)
                                    .sum(),
                            within(1e-4));
        }
        RunManifest kept = run(prompt("Once upon a time").generate(greedy(4)));
        Sampling.Continuations more = inspector
                .runs()
                .sampling()
                .continuations(
                        branch(kept.id(), -2, null).generate(drawn(3, 1, 1)).build(), 2);
        assertThat(more.reusedPositions()).isEqualTo(kept.tokens().size() - 3);
        assertThat(refusal(request, 0).expected()).contains("1 to 100");
        assertThat(refusal(request, 101).found()).contains("101");
    }

    private Problem refusal(RunRequest request, int n) {
        return catchThrowableOfType(
                Problem.class, () -> inspector.runs().sampling().continuations(request, n));
    }

    /** 10,000 first tokens against the distribution, with penalties and filters: chi-square at 1 %. */
    @ParameterizedTest
    @ValueSource(strings = {"plain", "filtered"})
    void drawnTokensFollowTheDistribution(String how) {
        GenerateOptions options = how.equals("plain")
                ? new GenerateOptions(1, null, 1.0, null, null, null, null, 1L, null, 0, true, null, null)
                : new GenerateOptions(1, null, 3.0, 30, 0.95, 0.01, 1.3, 1L, null, 0, true, 0.5, 0.2);
        RunRequestBuilder request = prompt("Once upon a time");
        float[] probs = inspector
                .runs()
                .sampling()
                .distribution(request.generate(options).build())
                .probs()
                .toFloats();
        int[] seen = new int[probs.length];
        int draws = 10_000;
        for (int batch = 0; batch < draws / 100; batch++) {
            RunRequest seeded = request.generate(options.withSeed(100L * batch)).build();
            for (Sampling.Continuation c :
                    inspector.runs().sampling().continuations(seeded, 100).continuations()) {
                seen[c.tokens().get(0).id()]++;
            }
        }
        double chi = 0;
        int cells = 0;
        double restExpected = 0;
        long restSeen = 0;
        for (int id = 0; id < probs.length; id++) {
            double expected = draws * (double) probs[id];
            if (probs[id] == 0) assertThat(seen[id]).as("token " + id).isZero();
            if (expected < 5) {
                restExpected += expected;
                restSeen += seen[id];
                continue;
            }
            chi += (seen[id] - expected) * (seen[id] - expected) / expected;
            cells++;
        }
        if (restExpected >= 5) {
            chi += (restSeen - restExpected) * (restSeen - restExpected) / restExpected;
            cells++;
        }
        int free = cells - 1;
        // The 99 % point of chi-square (Wilson and Hilferty 1931).
        double limit = free * Math.pow(1 - 2.0 / (9 * free) + 2.326 * Math.sqrt(2.0 / (9 * free)), 3);
        assertThat(free).isGreaterThan(5);
        assertThat(chi).as("chi-square of " + free + " degrees of freedom").isLessThan(limit);
    }

    @Test
    void aTextsProbabilityIsThatOfItsTokens() {
        RunManifest made = run(prompt("Once upon a time").generate(greedy(5)));
        List<Integer> all = ids(made);
        List<Integer> generated = all.subList(made.promptLength(), all.size());
        Scores scores =
                inspector.runs().sampling().scores(prompt("Once upon a time").build(), null, generated, null, 3);
        for (int i = 0; i < 5; i++) {
            assertThat(scores.tokens().get(i).logprob())
                    .isCloseTo(made.generation().steps().get(i).logprob(), within(1e-4));
            assertThat(scores.tokens().get(i).rank()).isZero();
            assertThat(scores.tokens().get(i).alternatives()).hasSize(3);
        }
        assertThat(scores.perplexity()).isCloseTo(Math.exp(-scores.logprob() / 5), within(1e-9));
        Scores own =
                inspector.runs().sampling().scores(branch(made.id(), null, null).build(), null, null, null, 0);
        assertThat(own.position()).isEqualTo(1);
        assertThat(own.tokens()).hasSize(all.size() - 1);
        assertThat(own.tokens().get(all.size() - 2).logprob())
                .isCloseTo(scores.tokens().get(4).logprob(), within(1e-4));
        Scores late =
                inspector.runs().sampling().scores(branch(made.id(), -2, null).build(), " the end", null, null, 1);
        assertThat(late.reusedPositions()).isEqualTo(all.size() - 3);
        assertThat(late.tokens()).isNotEmpty();
        // A text is tokenized together with the text before it.
        Scores joined = inspector.runs().sampling().scores(prompt("Once upon").build(), " a time", null, null, 0);
        List<Integer> whole = inspector.models().tokenizer("tiny-text").encode("Once upon a time", true).stream()
                .map(Token::id)
                .toList();
        List<Integer> tail = joined.tokens().stream().map(t -> t.token().id()).toList();
        assertThat(whole.subList(whole.size() - tail.size(), whole.size())).isEqualTo(tail);
    }

    private static final List<Integer> LONG = List.of(1, 5, 9, 2, 7, 40, 33, 12, 8, 21, 60, 3);
    private static final List<Integer> OTHER = List.of(1, 5, 9, 2, 7, 40, 33, 50, 4, 17);

    private static RunRequestBuilder text(List<Integer> ids, String engine, String model) {
        return RunRequest.builder().tokens(ids).engine(engine).model(model);
    }

    private static void same(Scores a, Scores b) {
        assertThat(b.tokens()).hasSameSizeAs(a.tokens());
        for (int i = 0; i < a.tokens().size(); i++) {
            ScoredToken x = a.tokens().get(i);
            ScoredToken y = b.tokens().get(i);
            assertThat(y.position()).isEqualTo(x.position()).isEqualTo(i + 1);
            assertThat(y.token()).isEqualTo(x.token());
            assertThat(y.logprob()).isCloseTo(x.logprob(), within(1e-4));
            assertThat(y.rank()).isEqualTo(x.rank());
            assertThat(y.alternatives().get(0).id())
                    .isEqualTo(x.alternatives().get(0).id());
        }
        assertThat(b.logprob()).isCloseTo(a.logprob(), within(1e-3));
    }

    @ParameterizedTest
    @CsvSource({"torch,", "onnx,", "torch,gemma3", "onnx,gpt2"})
    void ofTextsThatBeginAlikeOnlyTheRestIsRead(String engine, String model) {
        Sampling sampling = inspector.runs().sampling();
        RunRequest request = text(OTHER, engine, model).build();
        Scores fresh = sampling.scores(request, null, null, 1, 3);
        assertThat(sampling.scoresAfterOthers(text(LONG, engine, model).build(), 3)
                        .reusedPositions())
                .isZero();
        Scores after = sampling.scoresAfterOthers(request, 3);
        assertThat(after.reusedPositions())
                .as("the last that is the same is read")
                .isEqualTo(6);
        same(fresh, after);
        Scores again = sampling.scoresAfterOthers(request, 3);
        assertThat(again.reusedPositions()).isEqualTo(OTHER.size() - 2);
        same(fresh, again);
        assertThat(sampling.scoresAfterOthers(request, 2).reusedPositions())
                .as("with other alternatives")
                .isZero();
        String elsewhere = engine.equals("torch") ? "onnx" : "torch";
        assertThat(sampling.scoresAfterOthers(text(OTHER, elsewhere, model).build(), 3)
                        .reusedPositions())
                .as("on another engine")
                .isZero();
        // A run starts from them when asked to, and only then.
        RunRequest making = text(OTHER, engine, model).generate(greedy(3)).build();
        RunManifest plain = inspector.runs().run(making, RunListener.NONE);
        RunManifest quick = inspector.runs().run(making, new RunListener() {
            @Override
            public boolean reuses() {
                return true;
            }
        });
        assertThat(plain.timings().reusedPositions()).isNull();
        assertThat(quick.timings().reusedPositions()).isEqualTo(OTHER.size() - 1);
        assertThat(ids(quick)).isEqualTo(ids(plain));
    }

    @Test
    void nothingIsKeptOfATextWhereThatWouldNotBeExact() {
        Sampling sampling = inspector.runs().sampling();
        RunRequestBuilder changed = text(LONG, "torch", null)
                .interventions(List.of(new Intervention(
                        "blocks.1.hook_mlp_out", Intervention.Op.ZERO, null, null, null, null, null, null, null)));
        for (int i = 0; i < 2; i++)
            assertThat(sampling.scoresAfterOthers(changed.build(), 1).reusedPositions())
                    .isZero();
        InspectorConfig config = new InspectorConfig(
                List.of(Golden.ROOT.resolveSibling("onnx")), null, temp.resolve("more"), 1L << 30, 1 << 28, 4);
        try (Inspector exported = Inspector.open(config)) {
            for (String model : List.of("llama", "int8")) {
                RunRequest request = text(LONG, null, model).build();
                Scores fresh = exported.runs().sampling().scores(request, null, null, 1, 1);
                Scores first = exported.runs().sampling().scoresAfterOthers(request, 1);
                Scores second = exported.runs().sampling().scoresAfterOthers(request, 1);
                same(fresh, first);
                same(fresh, second);
                assertThat(second.reusedPositions())
                        .as("int8 has one scale for all positions")
                        .isEqualTo(model.equals("llama") ? LONG.size() - 2 : 0);
            }
        }
    }

    @Test
    void penaltiesCountWhatWasGenerated() {
        RunManifest first = run(prompt("Once upon a time").generate(greedy(3)));
        RunRequestBuilder from = branch(first.id(), null, null);
        float[] plain = inspector
                .runs()
                .sampling()
                .distribution(from.generate(drawn(1, 1, 1)).build())
                .logits()
                .toFloats();
        GenerateOptions penalized =
                new GenerateOptions(1, null, 1.0, null, null, null, null, 1L, null, 0, true, 0.7, 0.4);
        Sampling.Distribution d = inspector
                .runs()
                .sampling()
                .distribution(from.generate(penalized).build());
        double[] expected = new double[plain.length];
        List<Integer> all = ids(first);
        double sum = 0;
        for (int id = 0; id < plain.length; id++) {
            int at = id;
            long times = all.subList(first.promptLength(), all.size()).stream()
                    .filter(t -> t == at)
                    .count();
            expected[id] = Math.exp(plain[id] - (times > 0 ? 0.7 + 0.4 * times : 0));
            sum += expected[id];
        }
        float[] probs = d.probs().toFloats();
        for (int id = 0; id < probs.length; id++)
            assertThat((double) probs[id]).isCloseTo(expected[id] / sum, within(1e-6));
        assertThat(d.probs().as(DType.F16).byteSize()).isEqualTo(2L * probs.length);
        assertThat(d.position()).isEqualTo(all.size());
        Problem greedyFilter = catchThrowableOfType(Problem.class, () -> inspector
                .runs()
                .sampling()
                .distribution(from.generate(new GenerateOptions(
                                1, null, null, null, null, null, null, null, null, null, null, 3.0, null))
                        .build()));
        assertThat(greedyFilter.where()).isEqualTo("generate.presence_penalty");
    }
}
