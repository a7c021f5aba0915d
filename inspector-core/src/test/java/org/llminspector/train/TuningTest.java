package org.llminspector.train;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Random;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.llminspector.base.DType;
import org.llminspector.base.Json;
import org.llminspector.base.Problem;
import org.llminspector.base.Tensor;
import org.llminspector.checkpoint.Checkpoint;
import org.llminspector.engine.Learner;
import org.llminspector.engine.Optimizer;
import org.llminspector.engine.Precision;
import org.llminspector.engine.torch.TorchEngine;
import org.llminspector.engine.torch.learn.TorchLearner;
import org.llminspector.family.Family;
import org.llminspector.tokenize.ChatTemplate;
import org.llminspector.tokenize.Token;
import org.llminspector.tokenize.Tokenizer;
import org.llminspector.train.corpus.Corpus;
import org.llminspector.train.corpus.Critic;
import org.llminspector.train.corpus.Dialogues;
import org.llminspector.train.corpus.Exchange;
import org.llminspector.train.corpus.Preference;

/** Fine-tuning on answers, on preferences, and the sums that show grokking: masks and losses against values computed by hand. */
class TuningTest {

    private static final Path TOKENIZER = Path.of("src/test/resources/tokenizers/spm");
    private static final String TEMPLATE =
            "{% for m in messages %}{{ bos_token + m['content'] + eos_token }}{% endfor %}{% if add_generation_prompt %}{{ bos_token }}{% endif %}";

    private static final Dialogues DIALOGUES = new Dialogues() {
        private final String[] names = {"Ann", "Bob", "Cid"};

        @Override
        public List<Exchange> conversation(Corpus.Split split, long index) {
            String name = names[(int) (index % 3)];
            return List.of(
                    new Exchange(name + " has a ball. Who has it?", name + "."), new Exchange("Who?", name + "."));
        }

        @Override
        public Preference preference(Corpus.Split split, long index) {
            String name = names[(int) (index % 3)];
            return new Preference(
                    name + " has a ball. Who has it?",
                    name + ".",
                    names[(int) ((index + 1) % 3)] + " is in the house.");
        }
    };

    @TempDir
    Path temp;

    private Path tokenizer(String name) throws IOException {
        Path folder = Files.createDirectory(temp.resolve(name));
        Files.copy(TOKENIZER.resolve("tokenizer.json"), folder.resolve("tokenizer.json"));
        String config = Json.mapper()
                .createObjectNode()
                .put("bos_token", "<s>")
                .put("eos_token", "</s>")
                .put("chat_template", TEMPLATE)
                .toString();
        Files.writeString(folder.resolve("tokenizer_config.json"), config);
        return folder;
    }

    @Test
    void onlyTheAnswersAndTheTokensThatEndThemCount() throws IOException {
        Path folder = tokenizer("mask");
        List<Exchange> turns = List.of(
                new Exchange("Ann has a ball. Who has it?", "Ann."), new Exchange("Has Bob?", "No, Ann has it."));
        try (Tokenizer tokenizer = Tokenizer.open(folder).orElseThrow()) {
            ChatTemplate template = ChatTemplate.open(folder).orElseThrow();
            int[] begin = {tokenizer.bosId()};
            int[] end = {tokenizer.eosIds().get(0)};
            // By hand: <s> question </s> <s> answer </s>, twice; an answer's tokens and the </s> after it count.
            List<Integer> tokens = new ArrayList<>();
            List<Boolean> counts = new ArrayList<>();
            for (Exchange turn : turns) {
                for (int[] part : new int[][] {begin, ids(tokenizer, turn.user()), end, begin})
                    add(part, false, tokens, counts);
                for (int[] part : new int[][] {ids(tokenizer, turn.assistant()), end}) add(part, true, tokens, counts);
            }
            Batches.Example both = new ChatEncoder(tokenizer, template, 128).encode(turns);
            assertThat(both.tokens())
                    .containsExactly(tokens.stream().mapToInt(i -> i).toArray());
            for (int t = 0; t < both.weights().length; t++) {
                assertThat(both.weights()[t])
                        .as("prediction of token " + (t + 1))
                        .isEqualTo(counts.get(t + 1) ? 1f : 0f);
            }
            assertThat(both.weights()).hasSize(tokens.size() - 1);

            Batches.Example one = new ChatEncoder(tokenizer, template, 128).encode(turns.subList(0, 1));
            // The last token is only predicted: the context needs one token less.
            assertThat(new ChatEncoder(tokenizer, template, tokens.size() - 1)
                            .encode(turns)
                            .tokens())
                    .hasSize(tokens.size());
            Batches.Example cut = new ChatEncoder(tokenizer, template, tokens.size() - 2).encode(turns);
            assertThat(cut.tokens()).containsExactly(one.tokens());
            assertThat(cut.weights()).containsExactly(one.weights());
            assertThat(new ChatEncoder(tokenizer, template, 8).encode(turns)).isNull();
        }
    }

    private static int[] ids(Tokenizer tokenizer, String text) {
        return tokenizer.encode(text, false).stream().mapToInt(Token::id).toArray();
    }

    private static void add(int[] ids, boolean count, List<Integer> tokens, List<Boolean> counts) {
        for (int id : ids) {
            tokens.add(id);
            counts.add(count);
        }
    }

    @Test
    void aTemplateThatRewritesWhatWasSaidIsRefused() throws IOException {
        Path folder = tokenizer("rewrites");
        String config = Json.mapper()
                .createObjectNode()
                .put("bos_token", "<s>")
                .put("eos_token", "</s>")
                .put("chat_template", "{{ messages | length }}" + TEMPLATE)
                .toString();
        Files.writeString(folder.resolve("tokenizer_config.json"), config);
        try (Tokenizer tokenizer = Tokenizer.open(folder).orElseThrow()) {
            ChatEncoder encoder =
                    new ChatEncoder(tokenizer, ChatTemplate.open(folder).orElseThrow(), 64);
            assertThatThrownBy(() -> encoder.encode(List.of(new Exchange("Who has it?", "Ann."))))
                    .isInstanceOf(Problem.class)
                    .hasMessageContaining("cannot be trained on");
        }
    }

    @Test
    void thePreferenceLossIsRafailovs() {
        // -ln sigmoid(0.5 * 2) = ln(1 + 1/e); its slope 0.5 sigmoid(-1) = 0.5 / (1 + e)
        assertThat(PreferenceObjective.loss(0.5, 2)).isCloseTo(0.31326168751822286, within(1e-12));
        assertThat(PreferenceObjective.slope(0.5, 2)).isCloseTo(0.13447071068499755, within(1e-12));
        assertThat(PreferenceObjective.loss(0.1, 0)).isCloseTo(Math.log(2), within(1e-12));
        assertThat(PreferenceObjective.loss(1, -800)).isCloseTo(800, within(1e-9));
        assertThat(PreferenceObjective.loss(1, 800)).isCloseTo(0, within(1e-12));
    }

    @Test
    void thePreferenceGradientIsTheSlopeOfThatLoss() throws IOException {
        Path folder = tokenizer("dpo");
        Recipe recipe = tuning(Recipe.Task.PREFER, "x", 2, 0).checked();
        Recipe.Shape shape = new Recipe.Shape(32, 2, 4, 2, 48, 64, 10_000.0, 1e-5);
        try (Tokenizer tokenizer = Tokenizer.open(folder).orElseThrow();
                Learner policy = TorchLearner.open(LlamaFolder.spec(shape, 320), "cpu");
                Learner frozen = TorchLearner.open(LlamaFolder.spec(shape, 320), "cpu")) {
            Tensor first = Trainer.firstWeights(policy.parameters(), 2, 3, 0.02);
            frozen.setWeights(first);
            float[] other = first.toFloats();
            Random random = new Random(4);
            for (int i = 0; i < other.length; i++) other[i] += (float) (0.05 * random.nextGaussian());
            policy.setWeights(Tensor.of(other, other.length));
            ChatEncoder encoder =
                    new ChatEncoder(tokenizer, ChatTemplate.open(folder).orElseThrow(), 64);
            PreferenceObjective preferences = new PreferenceObjective(
                    recipe, DIALOGUES, encoder, new Documents(null, tokenizer, 0), frozen, null);
            Objective.Measure measure = preferences.accumulate(policy, 0);
            float[] gradient = policy.gradient().toFloats();

            List<PreferenceObjective.Pair> pairs = new ArrayList<>();
            for (int i = 0; i < recipe.batch(); i++) {
                Preference p = DIALOGUES.preference(Corpus.Split.TRAIN, i);
                pairs.add(new PreferenceObjective.Pair(
                        encoder.encode(List.of(new Exchange(p.user(), p.better()))),
                        encoder.encode(List.of(new Exchange(p.user(), p.worse())))));
            }
            // By hand from each sequence alone: no padding, no batch.
            double byHand = 0;
            for (PreferenceObjective.Pair p : pairs) {
                double margin = (alone(policy, p.better()) - alone(policy, p.worse()))
                        - (alone(frozen, p.better()) - alone(frozen, p.worse()));
                byHand += Math.log(1 + Math.exp(-recipe.beta() * margin)) / pairs.size();
            }
            assertThat(measure.loss()).isCloseTo(byHand, within(1e-5));

            float[] direction = new float[other.length];
            double expected = 0;
            for (int i = 0; i < direction.length; i++) {
                direction[i] = Math.signum(gradient[i]);
                expected += Math.abs(gradient[i]);
            }
            double h = 1e-4;
            double found = (loss(policy, frozen, pairs, recipe, other, direction, h)
                            - loss(policy, frozen, pairs, recipe, other, direction, -h))
                    / (2 * h);
            assertThat(found).isCloseTo(expected, within(0.01 * expected));
        }
    }

    private static double alone(Learner learner, Batches.Example e) {
        float[] nll = learner.score(new int[][] {e.tokens()}).nll()[0];
        double sum = 0;
        for (int t = 0; t < nll.length; t++) sum -= e.weights()[t] * nll[t];
        return sum;
    }

    private static double loss(
            Learner policy,
            Learner frozen,
            List<PreferenceObjective.Pair> pairs,
            Recipe recipe,
            float[] at,
            float[] direction,
            double by) {
        float[] moved = at.clone();
        for (int i = 0; i < moved.length; i++) moved[i] += (float) (by * direction[i]);
        policy.setWeights(Tensor.of(moved, moved.length));
        return Arrays.stream(PreferenceObjective.margins(policy, frozen, pairs, 4))
                .map(m -> PreferenceObjective.loss(recipe.beta(), m))
                .average()
                .orElseThrow();
    }

    private static Recipe tuning(Recipe.Task task, String base, int steps, int rehearsal) {
        return RecipeBuilder.builder()
                .name("tuned")
                .task(task)
                .base(base)
                .corpus("chat")
                .batch(6)
                .microBatch(3)
                .steps(steps)
                .learningRate(5e-3)
                .warmupSteps(2)
                .validateEvery(10)
                .validationSequences(6)
                .saveEvery(100)
                .rehearsal(rehearsal)
                .beta(0.5)
                .dtype(DType.F32)
                .build();
    }

    private static final Corpus CORPUS =
            (split, index) -> DIALOGUES.conversation(split, index).get(0).user();

    private Path base() throws IOException {
        Recipe pretrain = RecipeBuilder.builder()
                .name("base")
                .corpus("chat")
                .model(new Recipe.Shape(32, 2, 4, 2, 48, 64, null, null))
                .seed(7L)
                .sequence(40)
                .batch(4)
                .microBatch(4)
                .steps(20)
                .learningRate(1e-2)
                .warmupSteps(3)
                .validateEvery(20)
                .validationSequences(4)
                .saveEvery(100)
                .dtype(DType.F32)
                .build();
        Path base = tokenizer("base");
        run(Trainer.begin(pretrain, new Trainer.Sources(CORPUS, null), base, "cpu"));
        return base;
    }

    @Test
    void aModelIsInstructedAndThenPrefersTheBetterAnswer() throws IOException {
        Path base = base();
        Trainer.Sources chat = new Trainer.Sources(CORPUS, DIALOGUES);
        Path instruct = tokenizer("instruct");
        run(Trainer.begin(tuning(Recipe.Task.INSTRUCT, base.toString(), 30, 1), chat, instruct, "cpu"));
        List<LossCurve.Row> taught = LossCurve.read(instruct);
        assertThat(taught.get(30).valLoss()).isLessThan(taught.get(0).valLoss() / 3);
        assertThat(taught.get(30).valAccuracy()).isGreaterThan(taught.get(0).valAccuracy());
        Path prefer = tokenizer("prefer");
        run(Trainer.begin(tuning(Recipe.Task.PREFER, instruct.toString(), 20, 1), chat, prefer, "cpu"));
        List<LossCurve.Row> tuned = LossCurve.read(prefer);
        assertThat(tuned.get(0).valLoss()).isCloseTo(Math.log(2), within(1e-5)); // it is its own reference
        assertThat(tuned.get(20).valLoss()).isLessThan(0.4);
        assertThat(tuned.get(20).valAccuracy()).isEqualTo(1.0);
        try (Checkpoint checkpoint = Checkpoint.open(prefer)) {
            assertThat(Family.open(checkpoint).spec().nLayers()).isEqualTo(2);
        }
    }

    /** What a tuned model is to keep is rehearsed from one document on, each once. */
    @Test
    void documentsAreRehearsedFromWhereTheRecipeSays() throws IOException {
        Set<Long> read = new TreeSet<>();
        Corpus corpus = (split, index) -> {
            if (split == Corpus.Split.TRAIN) read.add(index);
            return CORPUS.document(split, index);
        };
        Recipe from = RecipeBuilder.builder(tuning(Recipe.Task.INSTRUCT, base().toString(), 3, 2))
                .rehearsalFrom(700L)
                .build();
        run(Trainer.begin(from, new Trainer.Sources(corpus, DIALOGUES), tokenizer("instruct"), "cpu"));
        assertThat(read).containsExactly(700L, 701L, 702L, 703L, 704L, 705L);

        Recipe negative = RecipeBuilder.builder(from).rehearsalFrom(-1L).build();
        Recipe nothing = RecipeBuilder.builder(from).rehearsal(0).build();
        for (Recipe wrong : List.of(negative, nothing)) {
            assertThatThrownBy(wrong::checked).isInstanceOf(Problem.class).hasMessageContaining("rehearsal_from");
        }
    }

    /** What is rehearsed is taught as the base's last stage was, if the recipe says so. */
    @Test
    void whatIsRehearsedCanWeighItsDeterminedWordsAndTeachAllChoices() throws IOException {
        Corpus.Span first = new Corpus.Span(1, 3);
        Corpus knowing = new Corpus() {
            @Override
            public String document(Split split, long index) {
                return CORPUS.document(split, index);
            }

            @Override
            public List<Span> determined(Split split, long index) {
                return List.of(first);
            }

            @Override
            public List<Choice> choices(Split split, long index) {
                String word = document(split, index).substring(first.from(), first.to());
                return List.of(new Choice(first, List.of(word, "xy")));
            }
        };
        Recipe plain = tuning(Recipe.Task.INSTRUCT, base().toString(), 2, 2);
        List<Recipe> recipes = List.of(
                plain,
                RecipeBuilder.builder(plain).determinedWeight(4.0).build(),
                RecipeBuilder.builder(plain).allChoices(true).build());
        Set<String> results = new HashSet<>();
        for (int i = 0; i < recipes.size(); i++) {
            Path out = tokenizer("rehearsed-" + i);
            run(Trainer.begin(recipes.get(i), new Trainer.Sources(knowing, DIALOGUES), out, "cpu"));
            results.add(Arrays.toString(Files.readAllBytes(out.resolve("model.safetensors"))));
        }
        assertThat(results).hasSize(3);
    }

    /** To this critic a sentence is wrong when its length is odd: about every other one. */
    private static final Critic EVEN = new Critic() {
        @Override
        public String opening(long index) {
            return List.of("Ann has", "Bob has", "Cid has").get((int) (index % 3));
        }

        @Override
        public List<Integer> sentences(String text) {
            return Pattern.compile("[.?]")
                    .matcher(text)
                    .results()
                    .map(MatchResult::end)
                    .toList();
        }

        @Override
        public boolean approves(String text) {
            List<Integer> ends = sentences(text);
            int last = ends.size() < 2 ? 0 : ends.get(ends.size() - 2);
            return (text.length() - last) % 2 == 0;
        }
    };

    @Test
    void aSlipStandsBesideWhatTheModelMightHaveSaidInstead() throws IOException {
        Path base = base();
        try (Tokenizer tokenizer = Tokenizer.open(base).orElseThrow();
                RejectedSamples rejectedSamples = rejectedSamples(base, tokenizer)) {
            List<PreferenceObjective.Pair> pairs = rejectedSamples.of(0, 4);
            assertThat(pairs).hasSize(4);
            for (PreferenceObjective.Pair pair : pairs) {
                Batches.Example better = pair.better();
                Batches.Example worse = pair.worse();
                int before = better.tokens().length - (int) better.count();
                assertThat(before).isEqualTo(worse.tokens().length - (int) worse.count());
                assertThat(Math.max(better.tokens().length, worse.tokens().length))
                        .isLessThanOrEqualTo(64);
                assertThat(Arrays.copyOf(better.tokens(), before)).isEqualTo(Arrays.copyOf(worse.tokens(), before));
                for (int t = 0; t < better.weights().length; t++)
                    assertThat(better.weights()[t]).isEqualTo(t + 1 < before ? 0f : 1f);
                assertThat(EVEN.approves(text(tokenizer, better)))
                        .as(text(tokenizer, better))
                        .isTrue();
                assertThat(EVEN.approves(text(tokenizer, worse)))
                        .as(text(tokenizer, worse))
                        .isFalse();
            }
            assertThat(tokens(rejectedSamples.of(0, 4)))
                    .as("a function of the update")
                    .isEqualTo(tokens(pairs));
            assertThat(tokens(rejectedSamples.of(1, 4))).isNotEqualTo(tokens(pairs));

            // One update with them and one without, of the same answers.
            assertThat(margin(base, pairs, 4)).isGreaterThan(margin(base, pairs, 0));
        }
    }

    /** By how many nats the margin of the pairs grows in an update with this number of rejectedSamples. */
    private double margin(Path base, List<PreferenceObjective.Pair> pairs, int rejectedSamples) throws IOException {
        Path prefer = tokenizer("prefer" + rejectedSamples);
        Recipe recipe = RecipeBuilder.builder(tuning(Recipe.Task.PREFER, base.toString(), 1, 0))
                .warmupSteps(0)
                .rejectedSamples(rejectedSamples)
                .build();
        run(Trainer.begin(recipe, new Trainer.Sources(CORPUS, DIALOGUES, EVEN), prefer, "cpu"));
        try (Checkpoint now = Checkpoint.open(prefer);
                Checkpoint then = Checkpoint.open(base);
                Learner tuned = TorchLearner.open(Family.open(now), "cpu");
                Learner frozen = TorchLearner.open(Family.open(then), "cpu")) {
            return Arrays.stream(PreferenceObjective.margins(tuned, frozen, pairs, 4))
                    .average()
                    .orElseThrow();
        }
    }

    private static RejectedSamples rejectedSamples(Path base, Tokenizer tokenizer) {
        try (Checkpoint checkpoint = Checkpoint.open(base)) {
            TorchEngine engine = TorchEngine.open(Family.open(checkpoint), "cpu", Precision.FP32);
            return new RejectedSamples(engine, tokenizer, tokenizer.eosIds().get(0), EVEN);
        }
    }

    private static String text(Tokenizer tokenizer, Batches.Example example) {
        return tokenizer.decode(Arrays.stream(example.tokens()).boxed().toList(), true);
    }

    private static List<List<Integer>> tokens(List<PreferenceObjective.Pair> pairs) {
        return pairs.stream()
                .map(p -> Arrays.stream(p.worse().tokens()).boxed().toList())
                .toList();
    }

    @Test
    void aModelWithoutFaultsHasNoSlips() throws IOException {
        Path base = base();
        Critic content = new Critic() {
            @Override
            public String opening(long index) {
                return "Ann has a ball.";
            }

            @Override
            public List<Integer> sentences(String text) {
                return List.of(text.length());
            }

            @Override
            public boolean approves(String text) {
                return true;
            }
        };
        try (Tokenizer tokenizer = Tokenizer.open(base).orElseThrow();
                Checkpoint checkpoint = Checkpoint.open(base);
                RejectedSamples rejectedSamples = new RejectedSamples(
                        TorchEngine.open(Family.open(checkpoint), "cpu", Precision.FP32), tokenizer, 0, content)) {
            assertThat(rejectedSamples.of(0, 1)).isEmpty();
        }
    }

    @Test
    void sumsAreMemorisedFirst() throws IOException {
        Recipe recipe = RecipeBuilder.builder()
                .name("sums")
                .task(Recipe.Task.MODULAR_ADDITION)
                .model(new Recipe.Shape(64, 1, 4, 4, 128, 4, null, null))
                .seed(1L)
                .steps(150)
                .optimizer(Optimizer.of(Optimizer.Kind.ADAMW, null, null, null, null, 0.1))
                .learningRate(5e-3)
                .warmupSteps(5)
                .validateEvery(50)
                .saveEvery(1000)
                .modulus(11)
                .trainShare(0.5)
                .dtype(DType.F32)
                .build();
        Path folder = Files.createDirectory(temp.resolve("sums"));
        run(Trainer.begin(recipe, new Trainer.Sources(null, null), folder, "cpu"));
        List<LossCurve.Row> curve = LossCurve.read(folder);
        assertThat(curve.get(1).loss()).isBetween(2.0, 3.0); // about ln 12
        assertThat(curve.get(150).accuracy()).isEqualTo(1.0);
        assertThat(curve.get(150).valAccuracy()).isLessThan(1.0); // 30 updates of 61 pairs teach no rule
        assertThat(curve.get(150).tokens()).isEqualTo(150L * 61);
    }

    private static void run(Trainer trainer) {
        try (trainer) {
            trainer.run(new Trainer.Listener() {
                @Override
                public void progress(Trainer.Progress progress) {}

                @Override
                public boolean stop() {
                    return false;
                }
            });
        }
    }
}
