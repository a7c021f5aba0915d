package org.llminspector.tales.corpus;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import org.junit.jupiter.api.condition.EnabledIfSystemProperty;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.llminspector.train.LossCurve;
import org.llminspector.train.Recipe;
import org.llminspector.train.Trainer;

/** The shipped model's later stages are repeated: their first updates have its losses. */
@EnabledIfSystemProperty(named = "os.arch", matches = "amd64|x86_64")
class ReproducedStagesTest {

    @TempDir
    Path folder;

    static List<Integer> stages() {
        return Trainer.recipe(RepeatedUpdates.SHIPPED).midtraining().stream()
                .map(Recipe.Midtraining::from)
                .toList();
    }

    /** From the shipped state at the end of the previous stage, which does not have to be repeated. */
    @ParameterizedTest
    @MethodSource("stages")
    void theFirstUpdatesOfALaterStageAreTheShippedModels(int from) throws Exception {
        RepeatedUpdates.run(folder, 8, from);
        List<LossCurve.Row> again = LossCurve.read(folder);
        Map<Long, LossCurve.Row> shipped = LossCurve.read(RepeatedUpdates.SHIPPED).stream()
                .collect(Collectors.toMap(LossCurve.Row::step, row -> row));
        assertThat(again).hasSize(from + 1 + 8);
        for (LossCurve.Row row : again.subList(again.size() - 8, again.size())) {
            LossCurve.Row was = shipped.get(row.step());
            assertThat(row.tokens()).isEqualTo(was.tokens());
            assertThat(row.loss()).as("loss of update " + row.step()).isCloseTo(was.loss(), within(5e-5));
        }
    }
}
