package org.llminspector.train;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.llminspector.base.DType;
import org.llminspector.base.Problem;
import org.llminspector.checkpoint.Checkpoint;
import org.llminspector.engine.Learner;
import org.llminspector.engine.torch.TorchLearner;
import org.llminspector.family.Family;

/** A run from random weights learns, can be stopped and resumed bit for bit, and what it writes opens as a model. */
class TrainerTest {

    private static final Path TOKENIZER = Path.of("src/test/resources/tokenizers/spm");

    /** Sentences of which the second half follows from the first. */
    private static final Corpus CORPUS = (split, index) -> {
        String[] names = {"Ann", "Bob", "Cid", "Dan", "Eve"};
        String name = names[(int) (index * 7 % 5)];
        return name + " has a ball. The ball of " + name + " is red" + (split == Corpus.Split.TRAIN ? "." : "!");
    };

    private static final Trainer.Sources SOURCES = new Trainer.Sources(CORPUS, null);

    @TempDir
    Path temp;

    private static Recipe recipe(int steps) {
        return new Recipe(
                "tiny",
                null,
                null,
                "sentences",
                null,
                null,
                new Recipe.Shape(32, 2, 4, 2, 48, 64, null, null),
                7L,
                48,
                4,
                2,
                steps,
                null,
                1e-2,
                null,
                3,
                null,
                5,
                3,
                4,
                List.of(0, 2),
                null,
                null,
                null,
                DType.F32);
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
    void aResumedRunEqualsAnUnbrokenOneExactly() throws IOException {
        Path whole = folder("whole");
        run(Trainer.begin(recipe(11), SOURCES, whole, "cpu"), 0);
        Path parts = folder("parts");
        run(Trainer.begin(recipe(11), SOURCES, parts, "cpu"), 6);
        assertThat(LossCurve.read(parts)).hasSize(7);
        run(Trainer.resume(parts, SOURCES, "cpu"), 0);
        for (String file : new String[] {"model.safetensors", "training_state/state.safetensors", "loss.csv"}) {
            assertThat(Files.mismatch(parts.resolve(file), whole.resolve(file)))
                    .as("first byte that differs in " + file)
                    .isEqualTo(-1);
        }
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
}
