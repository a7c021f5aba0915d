package org.llminspector.train;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.llminspector.base.DType;
import org.llminspector.base.Json;
import org.llminspector.base.Tensor;
import org.llminspector.checkpoint.Checkpoint;
import org.llminspector.engine.Learner;
import org.llminspector.engine.Optimizer;
import org.llminspector.engine.torch.TorchLearner;
import org.llminspector.family.Family;
import org.llminspector.tokenize.ChatTemplate;
import org.llminspector.tokenize.Tokenizer;

/** Fine-tuning on answers, on preferences, and the sums that show grokking: masks and losses against values computed by hand. */
class TuningTest {

    private static final Path TOKENIZER = Path.of("src/test/resources/tokenizers/spm");
    private static final String TEMPLATE =
            "{% for m in messages %}{{ bos_token + m['content'] + eos_token }}{% endfor %}{% if add_generation_prompt %}{{ bos_token }}{% endif %}";

    private static final Dialogues DIALOGUES = new Dialogues() {
        private final String[] names = {"Ann", "Bob", "Cid"};

        @Override
        public Exchange exchange(Corpus.Split split, long index) {
            String name = names[(int) (index % 3)];
            return new Exchange(name + " has a ball. Who has it?", name + ".");
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
    void onlyTheAnswerAndTheTokenThatEndsItCount() throws IOException {
        Path folder = tokenizer("mask");
        try (Tokenizer tokenizer = Tokenizer.open(folder).orElseThrow()) {
            ChatEncoder encoder =
                    new ChatEncoder(tokenizer, ChatTemplate.open(folder).orElseThrow(), 64);
            Batches.Example e = encoder.encode("Who has it?", "Ann.");
            int[] tokens = e.tokens();
            int answer = tokenizer.encode("Ann.", false).size();
            // <s> question </s> <s> Ann . </s>: the answer's tokens and the last one are predicted, nothing before.
            for (int t = 0; t < e.weights().length; t++) {
                boolean counts = t + 1 >= tokens.length - answer - 1;
                assertThat(e.weights()[t]).as("prediction of token " + (t + 1)).isEqualTo(counts ? 1f : 0f);
            }
            assertThat(e.count()).isEqualTo(answer + 1);
            assertThat(tokens[tokens.length - 1]).isEqualTo(tokenizer.eosIds().get(0));
            assertThat(tokens[tokens.length - answer - 2]).isEqualTo(tokenizer.bosId());
            assertThat(new ChatEncoder(tokenizer, ChatTemplate.open(folder).orElseThrow(), 8)
                            .encode("Who has it?", "Ann."))
                    .isNull();
        }
    }

    @Test
    void thePreferenceLossIsRafailovs() {
        // -ln sigmoid(0.5 * 2) = ln(1 + 1/e); its slope 0.5 sigmoid(-1) = 0.5 / (1 + e)
        assertThat(Preferences.loss(0.5, 2)).isCloseTo(0.31326168751822286, within(1e-12));
        assertThat(Preferences.slope(0.5, 2)).isCloseTo(0.13447071068499755, within(1e-12));
        assertThat(Preferences.loss(0.1, 0)).isCloseTo(Math.log(2), within(1e-12));
        assertThat(Preferences.loss(1, -800)).isCloseTo(800, within(1e-9));
        assertThat(Preferences.loss(1, 800)).isCloseTo(0, within(1e-12));
    }

    @Test
    void thePreferenceGradientIsTheSlopeOfThatLoss() throws IOException {
        Path folder = tokenizer("dpo");
        Recipe recipe = tuning(Recipe.Task.PREFER, "x", 2).checked();
        Recipe.Shape shape = new Recipe.Shape(32, 2, 4, 2, 48, 64, 10_000.0, 1e-5);
        try (Tokenizer tokenizer = Tokenizer.open(folder).orElseThrow();
                Learner policy = TorchLearner.open(LlamaFolder.spec(shape, 320), "cpu");
                Learner frozen = TorchLearner.open(LlamaFolder.spec(shape, 320), "cpu")) {
            Tensor first = Trainer.firstWeights(policy.parameters(), 2, 3);
            frozen.setWeights(first);
            float[] other = first.toFloats();
            Random random = new Random(4);
            for (int i = 0; i < other.length; i++) other[i] += (float) (0.05 * random.nextGaussian());
            policy.setWeights(Tensor.of(other, other.length));
            ChatEncoder encoder =
                    new ChatEncoder(tokenizer, ChatTemplate.open(folder).orElseThrow(), 64);
            Preferences preferences = new Preferences(recipe, DIALOGUES, encoder, frozen);
            Objective.Measure measure = preferences.accumulate(policy);
            float[] gradient = policy.gradient().toFloats();

            List<Preferences.Pair> pairs = new java.util.ArrayList<>();
            for (int i = 0; i < recipe.batch(); i++) {
                Preference p = DIALOGUES.preference(Corpus.Split.TRAIN, i);
                pairs.add(new Preferences.Pair(
                        encoder.encode(p.user(), p.better()), encoder.encode(p.user(), p.worse())));
            }
            // By hand from each sequence alone: no padding, no batch.
            double byHand = 0;
            for (Preferences.Pair p : pairs) {
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
            List<Preferences.Pair> pairs,
            Recipe recipe,
            float[] at,
            float[] direction,
            double by) {
        float[] moved = at.clone();
        for (int i = 0; i < moved.length; i++) moved[i] += (float) (by * direction[i]);
        policy.setWeights(Tensor.of(moved, moved.length));
        return Arrays.stream(Preferences.margins(policy, frozen, pairs, 4))
                .map(m -> Preferences.loss(recipe.beta(), m))
                .average()
                .orElseThrow();
    }

    private static Recipe tuning(Recipe.Task task, String base, int steps) {
        return new Recipe(
                "tuned", task, base, "chat", null, null, null, null, null, 6, 3, steps, null, 5e-3, null, 2, null, 10,
                6, 100, null, 0.5, null, null, DType.F32);
    }

    @Test
    void aModelIsInstructedAndThenPrefersTheBetterAnswer() throws IOException {
        Corpus corpus = (split, index) -> DIALOGUES.exchange(split, index).user();
        Recipe pretrain = new Recipe(
                "base",
                null,
                null,
                "chat",
                null,
                null,
                new Recipe.Shape(32, 2, 4, 2, 48, 64, null, null),
                7L,
                40,
                4,
                4,
                20,
                null,
                1e-2,
                null,
                3,
                null,
                20,
                4,
                100,
                null,
                null,
                null,
                null,
                DType.F32);
        Path base = tokenizer("base");
        run(Trainer.begin(pretrain, new Trainer.Sources(corpus, null), base, "cpu"));
        Trainer.Sources chat = new Trainer.Sources(null, DIALOGUES);
        Path instruct = tokenizer("instruct");
        run(Trainer.begin(tuning(Recipe.Task.INSTRUCT, base.toString(), 30), chat, instruct, "cpu"));
        List<LossCurve.Row> taught = LossCurve.read(instruct);
        assertThat(taught.get(30).valLoss()).isLessThan(taught.get(0).valLoss() / 3);
        assertThat(taught.get(30).valAccuracy()).isGreaterThan(taught.get(0).valAccuracy());
        Path prefer = tokenizer("prefer");
        run(Trainer.begin(tuning(Recipe.Task.PREFER, instruct.toString(), 20), chat, prefer, "cpu"));
        List<LossCurve.Row> tuned = LossCurve.read(prefer);
        assertThat(tuned.get(0).valLoss()).isCloseTo(Math.log(2), within(1e-5)); // it is its own reference
        assertThat(tuned.get(20).valLoss()).isLessThan(0.4);
        assertThat(tuned.get(20).valAccuracy()).isEqualTo(1.0);
        try (Checkpoint checkpoint = Checkpoint.open(prefer)) {
            assertThat(Family.open(checkpoint).spec().nLayers()).isEqualTo(2);
        }
    }

    @Test
    void sumsAreMemorisedFirst() throws IOException {
        Recipe recipe = new Recipe(
                "sums",
                Recipe.Task.MODULAR_ADDITION,
                null,
                null,
                null,
                null,
                new Recipe.Shape(64, 1, 4, 4, 128, 4, null, null),
                1L,
                null,
                null,
                null,
                150,
                Optimizer.of(Optimizer.Kind.ADAMW, 0.1),
                5e-3,
                null,
                5,
                null,
                50,
                null,
                1000,
                null,
                null,
                11,
                0.5,
                DType.F32);
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
