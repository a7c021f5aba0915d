package org.llminspector.tales.corpus;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledIfSystemProperty;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.llminspector.base.Json;
import org.llminspector.train.LossCurve;
import org.llminspector.train.Recipe;
import org.llminspector.train.Trainer;
import org.llminspector.train.TrainingEnvironments;

/**
 * The shipped base model can be made again: its recipe gives the losses of its loss.csv to four decimals, in a process
 * with the two variables that scripts/inspector sets for train.
 */
@EnabledIfSystemProperty(named = "os.arch", matches = "amd64|x86_64")
class ReproductionTest {

    private static final Path SHIPPED = Path.of("../model-cache/tales-4m").toAbsolutePath();

    @TempDir
    Path folder;

    @Test
    void theFirstUpdatesAreTheShippedModels() throws Exception {
        compare(12);
    }

    @Test
    @Tag("long")
    void theFirstHundredUpdatesAreTheShippedModels() throws Exception {
        compare(100);
    }

    static List<Integer> stages() {
        return Trainer.recipe(SHIPPED).midtraining().stream()
                .map(Recipe.Midtraining::from)
                .toList();
    }

    /** From the shipped state at the end of the previous stage, which does not have to be repeated. */
    @ParameterizedTest
    @MethodSource("stages")
    void theFirstUpdatesOfALaterStageAreTheShippedModels(int from) throws Exception {
        run(8, from);
        List<LossCurve.Row> again = LossCurve.read(folder);
        Map<Long, LossCurve.Row> shipped =
                LossCurve.read(SHIPPED).stream().collect(Collectors.toMap(LossCurve.Row::step, row -> row));
        assertThat(again).hasSize(from + 1 + 8);
        for (LossCurve.Row row : again.subList(again.size() - 8, again.size())) {
            LossCurve.Row was = shipped.get(row.step());
            assertThat(row.tokens()).isEqualTo(was.tokens());
            assertThat(row.loss()).as("loss of update " + row.step()).isCloseTo(was.loss(), within(5e-5));
        }
    }

    private void compare(int updates) throws Exception {
        run(updates, 0);
        List<LossCurve.Row> shipped = LossCurve.read(SHIPPED);
        List<LossCurve.Row> again = LossCurve.read(folder);
        assertThat(again).hasSize(updates + 1);
        assertThat(again.get(0).valLoss()).isCloseTo(shipped.get(0).valLoss(), within(5e-5));
        for (int i = 1; i <= updates; i++) {
            assertThat(again.get(i).tokens()).isEqualTo(shipped.get(i).tokens());
            assertThat(again.get(i).loss())
                    .as("loss of update " + i)
                    .isCloseTo(shipped.get(i).loss(), within(5e-5));
        }
    }

    private void run(int updates, int from) throws Exception {
        Path log = folder.resolve("log");
        ProcessBuilder child = new ProcessBuilder(
                        Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                        "-Xmx1g",
                        "-Dai.djl.offline=true",
                        "-Dai.djl.pytorch.num_threads=1",
                        "-cp",
                        System.getProperty("java.class.path"),
                        ReproductionTest.class.getName(),
                        folder.toString(),
                        Integer.toString(updates),
                        Integer.toString(from))
                .redirectErrorStream(true)
                .redirectOutput(log.toFile());
        child.environment().put("ATEN_CPU_CAPABILITY", "avx2");
        child.environment().put("MKL_ENABLE_INSTRUCTIONS", "AVX2");
        assertThat(child.start().waitFor()).as(Files.readString(log)).isZero();
        assertThat(TrainingEnvironments.read(folder).sittings()).hasSize(1);
        assertThat(TrainingEnvironments.read(folder).differs())
                .as("it says so itself")
                .isNull();
    }

    /** The child process: a number of updates of the shipped model's recipe from a step on, in a folder. */
    public static void main(String[] args) throws IOException {
        Path folder = Path.of(args[0]);
        Recipe recipe = Json.mapper().readValue(SHIPPED.resolve("recipe.json").toFile(), Recipe.class);
        TalesTokenizer.write(recipe.corpusSeed(), folder);
        Trainer.Sources sources = new Trainer.Sources(new Tales(recipe.corpusSeed()), null);
        int from = Integer.parseInt(args[2]);
        try (Trainer trainer = from > 0
                ? Trainer.beginAfter(recipe, sources, folder, "cpu", SHIPPED, from)
                : Trainer.begin(recipe, sources, folder, "cpu")) {
            trainer.run(new Trainer.Listener() {
                private long step;

                @Override
                public void progress(Trainer.Progress progress) {}

                @Override
                public boolean stop() {
                    return ++step == Integer.parseInt(args[1]);
                }
            });
        }
    }
}
