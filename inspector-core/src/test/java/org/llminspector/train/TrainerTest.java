package org.llminspector.train;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.llminspector.base.DType;
import org.llminspector.base.Problem;
import org.llminspector.base.Tensor;
import org.llminspector.checkpoint.Checkpoint;
import org.llminspector.engine.Learner;
import org.llminspector.engine.Parameter;
import org.llminspector.engine.torch.learn.TorchLearner;
import org.llminspector.family.Family;
import org.llminspector.tokenize.Token;
import org.llminspector.tokenize.Tokenizer;

/** A run from random weights learns, can be stopped and resumed bit for bit, and what it writes opens as a model. */
class TrainerTest {

    private static final Path TOKENIZER = Path.of("src/test/resources/tokenizers/spm");

    /** Sentences of which the second half follows from the first. */
    private static final Corpus CORPUS = new Corpus() {
        private final String[] names = {"Ann", "Bob", "Cid", "Dan", "Eve"};

        @Override
        public String document(Split split, long index) {
            String name = names[(int) (index * 7 % 5)];
            return name + " has a ball. The ball of " + name + " is red" + (split == Split.TRAIN ? "." : "!");
        }

        @Override
        public List<Span> determined(Split split, long index) {
            String document = document(split, index);
            int again = document.lastIndexOf(document.substring(0, 3));
            return List.of(new Span(again, again + 3));
        }

        @Override
        public List<Choice> choices(Split split, long index) {
            int red = document(split, index).lastIndexOf("red");
            return List.of(new Choice(new Span(red, red + 3), List.of("red", "wet")));
        }
    };

    private static final Trainer.Sources SOURCES = new Trainer.Sources(CORPUS, null);

    @TempDir
    Path temp;

    private static Recipe recipe(int steps) {
        return RecipeBuilder.builder()
                .name("tiny")
                .corpus("sentences")
                .model(new Recipe.Shape(32, 2, 4, 2, 48, 64, null, null))
                .seed(7L)
                .sequence(48)
                .sequenceGrowth(List.of(2, 4))
                .batch(4)
                .microBatch(2)
                .steps(steps)
                .learningRate(1e-2)
                .warmupSteps(3)
                .validateEvery(5)
                .validationSequences(3)
                .saveEvery(4)
                .checkpointSteps(List.of(0, 2))
                .determinedWeight(4.0)
                .fixedNorms(true)
                .dtype(DType.F32)
                .build();
    }

    private Path folder(String name) throws IOException {
        Path folder = Files.createDirectory(temp.resolve(name));
        for (String file : new String[] {"tokenizer.json", "tokenizer_config.json"}) {
            Files.copy(TOKENIZER.resolve(file), folder.resolve(file));
        }
        return folder;
    }

    private static List<Trainer.Progress> run(Trainer trainer, int stopAfter) {
        List<Trainer.Progress> heard = new ArrayList<>();
        try (trainer) {
            trainer.run(new Trainer.Listener() {
                @Override
                public void progress(Trainer.Progress progress) {
                    heard.add(progress);
                }

                @Override
                public boolean stop() {
                    return heard.size() + 1 == stopAfter;
                }
            });
        }
        return heard;
    }

    @Test
    void itLearnsAndWhatItWritesIsTheModelThatItTrained() throws IOException {
        Path folder = folder("run");
        List<Trainer.Progress> heard = run(Trainer.begin(recipe(40), SOURCES, folder, "cpu"), 0);
        assertThat(heard).hasSize(40);
        double first = heard.get(0).row().loss();
        double last = heard.get(39).row().loss();
        assertThat(first).isBetween(5.0, 6.5); // about ln 320
        assertThat(last).isLessThan(first / 3);
        assertThat(heard.get(39).row().tokens()).isEqualTo(40L * 4 * 48);
        List<LossCurve.Row> curve = LossCurve.read(folder);
        assertThat(curve).hasSize(41);
        assertThat(curve.get(0).valLoss()).isBetween(5.0, 6.5);
        assertThat(curve.get(40).valLoss()).isLessThan(first / 2);

        try (Checkpoint checkpoint = Checkpoint.open(folder);
                Learner learner = TorchLearner.open(Family.open(checkpoint), "cpu")) {
            assertThat(learner.spec())
                    .isEqualTo(LlamaFolder.spec(recipe(3).checked().model(), 320));
            assertThat(learner.weights().toFloats())
                    .isEqualTo(TrainingState.read(folder).weights().toFloats());
        }
        for (String kept : new String[] {"step-000000", "step-000002"}) {
            try (Checkpoint checkpoint =
                    Checkpoint.open(folder.resolve("checkpoints").resolve(kept))) {
                assertThat(Family.open(checkpoint).spec().nLayers()).isEqualTo(2);
                assertThat(Files.exists(checkpoint.dir().resolve("tokenizer.json")))
                        .isTrue();
            }
        }
    }

    @Test
    void whatFollowsCountsMoreAndNormsThatAreFixedStay() throws IOException {
        try (Tokenizer tokenizer = Tokenizer.open(TOKENIZER).orElseThrow()) {
            Documents documents =
                    new Documents(CORPUS, tokenizer, tokenizer.eosIds().get(0));
            TokenStream.Piece piece = documents.get(Corpus.Split.TRAIN, 3, 4);
            List<Token> tokens = tokenizer.encode(CORPUS.document(Corpus.Split.TRAIN, 3), true);
            assertThat(piece.tokens()).hasSize(tokens.size() + 1);
            StringBuilder weighed = new StringBuilder();
            for (int i = 0; i < tokens.size(); i++) {
                assertThat(piece.weights()[i]).isIn(1f, 4f);
                if (piece.weights()[i] == 4f) weighed.append(tokens.get(i).text());
            }
            assertThat(weighed.toString().strip()).isEqualTo("Bob");
        }
        Path folder = folder("norms");
        run(Trainer.begin(recipe(5), SOURCES, folder, "cpu"), 0);
        Tensor weights = TrainingState.read(folder).weights();
        try (Learner learner =
                TorchLearner.open(LlamaFolder.spec(recipe(3).checked().model(), 320), "cpu")) {
            for (Parameter p : learner.parameters()) {
                if (p.isMatrix() || !p.name().startsWith("blocks.")) continue;
                assertThat(p.of(weights).toFloats()).as(p.name()).containsOnly(1f);
            }
        }
    }

    @Test
    void sequencesGrowAndEveryTokenIsPredictedOnce() {
        Recipe r = recipe(11).checked();
        assertThat(List.of(r.sequence(0), r.sequence(1), r.sequence(2), r.sequence(3), r.sequence(4)))
                .containsExactly(12, 12, 24, 24, 48);
        TokenStream stream = new TokenStream(i -> {
            int[] tokens = {(int) (3 * i), (int) (3 * i + 1), (int) (3 * i + 2)};
            return new TokenStream.Piece(tokens, new float[] {tokens[0], tokens[1], tokens[2]});
        });
        List<Integer> predicted = new ArrayList<>();
        for (int length : new int[] {2, 5, 4, 7}) {
            Batches.Example e = stream.next(length);
            assertThat(e.tokens()).hasSize(length + 1);
            for (int t = 0; t < length; t++) {
                assertThat(e.weights()[t]).isEqualTo(e.tokens()[t + 1]);
                predicted.add(e.tokens()[t + 1]);
            }
            TokenStream.Place place = stream.place();
            stream.goTo(place);
            assertThat(stream.place()).isEqualTo(place);
        }
        assertThat(predicted)
                .containsExactlyElementsOf(IntStream.rangeClosed(1, 18).boxed().toList());
    }

    @Test
    void aResumedRunEqualsAnUnbrokenOneExactly() throws IOException {
        Path whole = folder("whole");
        run(Trainer.begin(recipe(11), SOURCES, whole, "cpu"), 0);
        Path parts = folder("parts");
        run(Trainer.begin(recipe(11), SOURCES, parts, "cpu"), 6);
        assertThat(LossCurve.read(parts)).hasSize(7);
        run(Trainer.resume(parts, SOURCES, "cpu"), 0);
        assertSameRun(parts, whole);
    }

    @Test
    void whatAKilledRunWroteAfterItsLastStateIsMadeAgain() throws IOException {
        Path folder = folder("killed");
        run(Trainer.begin(recipe(11), SOURCES, folder, "cpu"), 6);
        byte[] curve = Files.readAllBytes(folder.resolve("loss.csv"));
        Files.writeString(
                folder.resolve("loss.csv"),
                new String(curve, java.nio.charset.StandardCharsets.UTF_8) + "7,1344,0.01,1,,1\n8,1536,0.01,1,,1\n");
        List<Trainer.Progress> heard = run(Trainer.resume(folder, SOURCES, "cpu"), 0);
        assertThat(heard.get(0).row().step()).isEqualTo(7);
        assertThat(LossCurve.read(folder)).hasSize(12);
    }

    @Test
    void aFolderWithAModelIsNotOverwritten() throws IOException {
        Path folder = folder("twice");
        run(Trainer.begin(recipe(3), SOURCES, folder, "cpu"), 0);
        assertThatThrownBy(() -> Trainer.begin(recipe(3), SOURCES, folder, "cpu"))
                .isInstanceOf(Problem.class)
                .hasMessageContaining("there is a model in this folder already");
    }

    @Test
    void theRateRisesAndFallsAsTheRecipeSays() {
        Recipe r = recipe(11).checked();
        assertThat(r.rate(0)).isCloseTo(1e-2 / 3, within(1e-9));
        assertThat(r.rate(2)).isCloseTo(1e-2, within(1e-9));
        assertThat(r.rate(3)).isCloseTo(1e-2, within(1e-9));
        assertThat(r.rate(10)).isCloseTo(1e-3, within(1e-9));
        assertThat(r.rate(6)).isBetween(4e-3, 7e-3);
    }

    @Test
    void aRateThatIsLevelFallsAtTheEndSoThatARunCanBeMadeLonger() {
        Recipe brief = RecipeBuilder.builder(recipe(11)).decaySteps(4).build().checked();
        Recipe longer = RecipeBuilder.builder(recipe(20)).decaySteps(4).build().checked();
        for (int step = 0; step < 7; step++) assertThat(brief.rate(step)).isEqualTo(longer.rate(step));
        assertThat(brief.rate(6)).isCloseTo(1e-2, within(1e-9));
        assertThat(brief.rate(8)).isCloseTo(5.5e-3, within(1e-9));
        assertThat(brief.rate(10)).isCloseTo(1e-3, within(1e-9));
        assertThatThrownBy(() ->
                        RecipeBuilder.builder(recipe(11)).decaySteps(9).build().checked())
                .isInstanceOf(Problem.class)
                .hasMessageContaining("recipe");
    }

    private static Recipe staged() {
        List<Recipe.Midtraining> stages = List.of(
                new Recipe.Midtraining(6, 1000, new TreeMap<>(Map.of(6, 12, 8, 24, 10, 48)), 2, 2.0, null, null, null),
                new Recipe.Midtraining(12, 2000, null, 0, null, null, 5e-3, null));
        return RecipeBuilder.builder(recipe(18))
                .decaySteps(2)
                .midtraining(stages)
                .dtype(DType.F16)
                .build();
    }

    @Test
    void eachStageWarmsUpAndFallsAndHasItsDocumentsWeight() {
        Recipe r = staged().checked();
        assertThat(recipe(6).checked().midtraining()).isEmpty();
        for (int step = 0; step < 6; step++) assertThat(r.rate(step)).isEqualTo(r.rate(step + 6));
        assertThat(r.rate(6)).isCloseTo(1e-2 / 3, within(1e-9));
        assertThat(r.rate(11)).isCloseTo(1e-3, within(1e-9));
        assertThat(r.determinedWeight(999)).isEqualTo(4);
        assertThat(r.determinedWeight(1000)).isEqualTo(2);
        assertThat(r.determinedWeight(2000)).as("the recipe's again").isEqualTo(4);
        assertThat(r.rate(12)).as("a stage with its own rate").isCloseTo(5e-3 / 3, within(1e-9));
        assertThat(r.rate(17)).as("and without a fall").isEqualTo(5e-3);
        assertThat(r.sequence(12)).isEqualTo(48);
        assertThat(List.of(r.sequence(5), r.sequence(6), r.sequence(8), r.sequence(10)))
                .containsExactly(48, 12, 24, 48);
        Recipe.Midtraining second = r.midtraining().get(0);
        for (List<Recipe.Midtraining> wrong : List.of(
                Collections.<Recipe.Midtraining>singletonList(null),
                List.of(second, new Recipe.Midtraining(9, 2000, null, 0, null, null, null, null)),
                List.of(second, new Recipe.Midtraining(15, 2000, null, 0, null, null, null, null)),
                List.of(second, new Recipe.Midtraining(12, 1000, null, 0, null, null, null, null)),
                List.of(second, new Recipe.Midtraining(12, 2000, null, 4, null, null, null, null)),
                List.of(new Recipe.Midtraining(6, 1000, null, -1, null, null, null, null)))) {
            refused(wrong);
        }
        for (Recipe.Midtraining wrong : List.of(
                new Recipe.Midtraining(3, 1000, null, 2, null, null, null, null),
                new Recipe.Midtraining(15, 1000, null, 2, null, null, null, null),
                new Recipe.Midtraining(6, -1, null, 2, null, null, null, null),
                new Recipe.Midtraining(6, 1000, null, 10, null, null, null, null),
                new Recipe.Midtraining(6, 1000, new TreeMap<>(Map.of(6, 13)), 2, null, null, null, null),
                new Recipe.Midtraining(6, 1000, new TreeMap<>(Map.of(5, 12)), 2, null, null, null, null),
                new Recipe.Midtraining(
                        6, 1000, new TreeMap<>(Collections.singletonMap(6, null)), 2, null, null, null, null),
                new Recipe.Midtraining(6, 1000, null, 2, 0.0, null, null, null),
                new Recipe.Midtraining(6, 1000, null, 2, null, null, 9e-4, null),
                new Recipe.Midtraining(6, 1000, null, 2, null, null, 1.1, null),
                new Recipe.Midtraining(6, 1000, null, 2, null, null, null, true))) {
            refused(List.of(wrong));
        }
    }

    @Test
    void aStageHasItsOwnThreadsAndTheSittingsTell() throws IOException {
        Recipe recipe = RecipeBuilder.builder(staged())
                .midtraining(List.of(
                        new Recipe.Midtraining(6, 1000, null, 0, null, 5, null, null),
                        new Recipe.Midtraining(12, 2000, null, 0, null, 1, null, null)))
                .build();
        Path folder = folder("threads");
        Trainer trainer = Trainer.begin(recipe, SOURCES, folder, "cpu");
        int before = trainer.learner().threads();
        run(trainer, 0);
        assertThat(trainer.learner().threads()).as("the last stage's").isEqualTo(1);
        try (Trainer other = Trainer.begin(staged(), SOURCES, folder("threads-of-another"), "cpu")) {
            assertThat(other.learner().threads())
                    .as("they are the learner's own")
                    .isEqualTo(before);
        }
        assertThat(TrainingEnvironments.read(folder).sittings().stream()
                        .skip(1)
                        .map(s -> s.step() + ": " + s.learner().threads()))
                .containsExactly("6: 5", "12: 1");
        assertThatThrownBy(() -> RecipeBuilder.builder(recipe)
                        .midtraining(List.of(new Recipe.Midtraining(6, 1000, null, 0, null, 0, null, null)))
                        .build()
                        .checked())
                .hasMessageContaining("midtraining[0].threads");
    }

    @Test
    void aLaterStageCanBeMadeFromWhatAnotherRunKept() throws IOException {
        Path whole = folder("whole-run");
        run(Trainer.begin(staged(), SOURCES, whole, "cpu"), 0);
        for (int from : new int[] {6, 12}) {
            Path rest = folder("after-" + from);
            run(Trainer.beginAfter(staged(), SOURCES, rest, "cpu", whole, from), 0);
            for (String file : List.of("model.safetensors", "loss.csv", "recipe.json")) {
                assertThat(rest.resolve(file)).hasSameBinaryContentAs(whole.resolve(file));
            }
        }
        Path none = folder("none");
        assertThatThrownBy(() -> Trainer.beginAfter(staged(), SOURCES, none, "cpu", whole, 7))
                .isInstanceOf(Problem.class)
                .hasMessageContainingAll("no stage", "--after", "6 or 12", "7");
        assertThatThrownBy(() -> Trainer.beginAfter(staged(), SOURCES, none, "cpu", none, 6))
                .isInstanceOf(Problem.class);
        Files.delete(whole.resolve("checkpoints/step-000006/model.safetensors"));
        assertThatThrownBy(() -> Trainer.beginAfter(staged(), SOURCES, none, "cpu", whole, 6))
                .isInstanceOf(Problem.class);
        Recipe.Shape wider = new Recipe.Shape(32, 2, 4, 2, 64, 64, null, null);
        Recipe other = RecipeBuilder.builder(staged()).model(wider).build();
        assertThatThrownBy(() -> Trainer.beginAfter(other, SOURCES, none, "cpu", whole, 12))
                .isInstanceOf(Problem.class)
                .hasMessageContainingAll("another shape", none.toString());
        Trainer.begin(staged(), SOURCES, none, "cpu").close(); // not locked
    }

    /** The corpus says that a word was drawn from two: the other is then trained equally. */
    @Test
    void allThatAWordWasDrawnFromIsTaught() throws IOException {
        Map<Boolean, List<Double>> losses = new TreeMap<>();
        for (boolean all : new boolean[] {false, true}) {
            Recipe recipe = RecipeBuilder.builder(staged())
                    .sequenceGrowth(List.of())
                    .wholeDocuments(true)
                    .midtraining(List.of(new Recipe.Midtraining(6, 1000, null, 2, 2.0, null, null, all)))
                    .build();
            assertThat(recipe.checked().allChoices(999)).isFalse();
            assertThat(recipe.checked().allChoices(1000)).isEqualTo(all);
            losses.put(
                    all,
                    run(Trainer.begin(recipe, SOURCES, folder("all-" + all), "cpu"), 0).stream()
                            .map(p -> p.row().loss())
                            .toList());
        }
        assertThat(losses.get(true).subList(0, 7))
                .as("until the stage's first update")
                .isEqualTo(losses.get(false).subList(0, 7));
        assertThat(losses.get(true).get(8)).isNotEqualTo(losses.get(false).get(8));
    }

    private static void refused(List<Recipe.Midtraining> wrong) {
        assertThatThrownBy(() -> RecipeBuilder.builder(staged())
                        .midtraining(wrong)
                        .build()
                        .checked())
                .isInstanceOf(Problem.class)
                .hasMessageContaining("midtraining");
    }

    /** A stage begins from the saved file alone, so that it can be repeated without the stages before. */
    @ParameterizedTest
    @ValueSource(ints = {6, 12})
    void aStageBeginsFromTheModelAsItWasWritten(int from) throws IOException {
        Path whole = folder("whole");
        run(Trainer.begin(staged(), SOURCES, whole, "cpu"), 0);
        Path written = whole.resolve("checkpoints").resolve(String.format("step-%06d", from));
        Path second = folder("second");
        for (String file : List.of("recipe.json", "loss.csv")) Files.copy(whole.resolve(file), second.resolve(file));
        try (Checkpoint checkpoint = Checkpoint.open(written);
                Learner learner = TorchLearner.open(Family.open(checkpoint), "cpu")) {
            Tensor weights = learner.weights();
            Tensor nothing = Tensor.of(new float[Math.toIntExact(weights.size())], weights.shape());
            long tokens = LossCurve.read(whole).get(from).tokens();
            new TrainingState(weights, new Learner.State(from, nothing, nothing), tokens, TokenStream.Place.at(0))
                    .write(second);
        }
        run(Trainer.resume(second, SOURCES, "cpu"), 0);
        assertSameRun(second, whole);

        Path parts = folder("parts");
        run(Trainer.begin(staged(), SOURCES, parts, "cpu"), from);
        run(Trainer.resume(parts, SOURCES, "cpu"), 3);
        run(Trainer.resume(parts, SOURCES, "cpu"), 0);
        assertSameRun(parts, whole);
        assertThat(TrainingState.read(whole).place().nextDocument()).isGreaterThan(2000);
    }

    private static void assertSameRun(Path run, Path same) throws IOException {
        for (String file : new String[] {"model.safetensors", "training_state/state.safetensors", "loss.csv"}) {
            assertThat(Files.mismatch(run.resolve(file), same.resolve(file)))
                    .as("first byte that differs in " + file)
                    .isEqualTo(-1);
        }
    }

    /** Each sequence begins with a document; none that fits is cut; a stopped run continues with the next. */
    @Test
    void wholeDocumentsArePackedAndNoneIsLost() {
        int[] lengths = {4, 3, 9, 2, 2, 2};
        java.util.function.LongFunction<TokenStream.Piece> document = i -> {
            int[] tokens = new int[lengths[(int) (i % 6)]];
            java.util.Arrays.fill(tokens, (int) i);
            float[] weights = new float[tokens.length];
            java.util.Arrays.fill(weights, (float) (i + 1));
            return new TokenStream.Piece(tokens, weights);
        };
        WholeDocuments whole = new WholeDocuments(document);
        assertThat(whole.next(7).tokens()).containsExactly(0, 0, 0, 0, 1, 1, 1);
        assertThat(whole.place().nextDocument()).isEqualTo(2);
        Batches.Example cut = whole.next(7);
        assertThat(cut.tokens()).containsExactly(2, 2, 2, 2, 2, 2, 2, 2);
        assertThat(cut.weights()).containsExactly(3, 3, 3, 3, 3, 3, 3);
        WholeDocuments again = new WholeDocuments(document);
        again.goTo(whole.place());
        assertThat(again.next(7).tokens())
                .containsExactly(whole.next(7).tokens())
                .containsExactly(3, 3, 4, 4, 5, 5);
    }
}
