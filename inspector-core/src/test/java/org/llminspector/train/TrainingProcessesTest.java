package org.llminspector.train;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.BufferedReader;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.llminspector.base.JavaProcess;
import org.llminspector.base.Problem;
import org.llminspector.checkpoint.Checkpoint;
import org.llminspector.family.Family;

/** Training among processes: killed at any moment it loses nothing it said it had saved, and two never share a folder. */
class TrainingProcessesTest {

    @TempDir
    Path temp;

    private Path folder;

    @BeforeEach
    void make() throws IOException {
        folder = Files.createDirectory(temp.resolve("sums"));
    }

    private Process writer(int steps, int saveEvery) throws IOException {
        return JavaProcess.start(TrainingWriter.class, folder, steps, saveEvery);
    }

    @Test
    void aKilledTrainingGoesOnWhereItWasSavedAndNoOtherWritesMeanwhile() throws Exception {
        killRepeatedly(2, new Random(6));
    }

    @Test
    @Tag("long")
    void aKilledTrainingGoesOnHoweverOften() throws Exception {
        killRepeatedly(50, new Random(7));
    }

    /** Between two states too: what was made after the last one is made again, to the last digit. */
    @Test
    void whereverItIsKilledItsLossesAreThoseOfARunThatNobodyTouched() throws Exception {
        int steps = 120;
        Random random = new Random(8);
        for (int kill = 0; kill < 4; kill++) {
            Process process = writer(steps, 7);
            try (BufferedReader out = process.inputReader(StandardCharsets.UTF_8)) {
                for (int n = 1 + random.nextInt(25); n > 0; n--)
                    assertThat(out.readLine()).isNotNull();
                TimeUnit.MICROSECONDS.sleep(random.nextInt(20_000));
                process.toHandle().destroyForcibly();
            }
            process.waitFor();
        }
        assertThat(TrainingState.read(folder).optimizer().step()).isLessThan(steps);
        assertThat(writer(steps, 7).waitFor()).isZero();

        Path whole = Files.createDirectory(temp.resolve("whole"));
        folder = whole;
        assertThat(writer(steps, 7).waitFor()).isZero();
        for (String file : List.of("loss.csv", "model.safetensors", "training_state/state.safetensors")) {
            assertThat(Files.mismatch(temp.resolve("sums").resolve(file), whole.resolve(file)))
                    .as("first byte that differs in " + file)
                    .isEqualTo(-1);
        }
    }

    private void killRepeatedly(int rounds, Random random) throws Exception {
        long said = 0;
        for (int round = 0; round < rounds; round++) {
            Process process = writer(1_000_000, 1);
            try (BufferedReader out = process.inputReader(StandardCharsets.UTF_8)) {
                for (int n = 1 + random.nextInt(30); n > 0; n--) said = Long.parseLong(out.readLine());
                if (round == 0) refusesAnother();
                TimeUnit.MICROSECONDS.sleep(random.nextInt(20_000));
                process.toHandle().destroyForcibly();
                for (String line = out.readLine(); line != null; line = out.readLine()) {
                    if (line.matches("[0-9]+") && Long.parseLong(line) == said + 1) said++; // the last line may be cut
                }
            }
            process.waitFor();
            TrainingState state = TrainingState.read(folder);
            assertThat(state.optimizer().step()).isGreaterThanOrEqualTo(said);
            List<LossCurve.Row> rows = LossCurve.read(folder);
            for (int i = 0; i < said; i++) assertThat(rows.get(i).step()).isEqualTo(i);
            try (Checkpoint model = Checkpoint.open(folder)) {
                assertThat(Family.open(model).get("embed.weight").shape()).endsWith(16);
            }
        }
        // The lock of a killed process is free.
        try (Trainer next = Trainer.resume(folder, new Trainer.Sources(null, null), "cpu")) {
            assertThat(next.learner()).isNotNull();
            refusesAnother();
        }
        Trainer.resume(folder, new Trainer.Sources(null, null), "cpu").close();
    }

    private void refusesAnother() {
        assertThatThrownBy(() -> Trainer.resume(folder, new Trainer.Sources(null, null), "cpu"))
                .isInstanceOfSatisfying(Problem.class, p -> assertThat(p.kind()).isEqualTo(Problem.Kind.CONFLICT))
                .hasMessageContaining("writes into this folder already");
    }
}
