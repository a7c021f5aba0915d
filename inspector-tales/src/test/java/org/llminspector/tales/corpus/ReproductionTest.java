package org.llminspector.tales.corpus;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledIfSystemProperty;
import org.junit.jupiter.api.io.TempDir;
import org.llminspector.train.LossCurve;

/**
 * The shipped base model can be made again: its recipe gives the losses of its loss.csv to four decimals, in a process
 * with the two variables that scripts/inspector sets for train.
 */
@EnabledIfSystemProperty(named = "os.arch", matches = "amd64|x86_64")
class ReproductionTest {

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

    private void compare(int updates) throws Exception {
        RepeatedUpdates.run(folder, updates, 0);
        List<LossCurve.Row> shipped = LossCurve.read(RepeatedUpdates.SHIPPED);
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
}
