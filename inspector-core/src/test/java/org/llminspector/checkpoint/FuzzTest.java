package org.llminspector.checkpoint;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import net.jqwik.api.EdgeCasesMode;
import net.jqwik.api.ForAll;
import net.jqwik.api.GenerationMode;
import net.jqwik.api.Property;
import net.jqwik.api.ShrinkingMode;
import net.jqwik.api.Tag;
import net.jqwik.api.constraints.LongRange;
import net.jqwik.api.lifecycle.AfterContainer;
import net.jqwik.api.lifecycle.BeforeContainer;
import net.jqwik.api.statistics.Statistics;
import net.jqwik.api.statistics.StatisticsReport;
import net.jqwik.api.statistics.StatisticsReport.StatisticsReportMode;
import org.llminspector.base.Problem;

/** FuzzTest mutates files of one format: each is opened correctly or refused with a Problem, never anything else. */
public abstract class FuzzTest {

    protected static Path file;

    @BeforeContainer
    static void makeFolder() throws IOException {
        file = Files.createTempDirectory("fuzz").resolve("x");
    }

    @AfterContainer
    static void removeFolder() throws IOException {
        Files.deleteIfExists(file);
        Files.delete(file.getParent());
    }

    protected abstract byte[] mutant(Mutator m);

    /** Opens the mutant, which lies in {@link #file}, and reads all of it; a refusal is a Problem. */
    protected abstract void open(byte[] mutant) throws IOException;

    @Property(
            tries = 1_000,
            seed = "20261125",
            generation = GenerationMode.RANDOMIZED,
            edgeCases = EdgeCasesMode.NONE,
            shrinking = ShrinkingMode.OFF)
    @StatisticsReport(StatisticsReportMode.OFF)
    void mutatedFiles(@ForAll @LongRange(min = 0, max = Long.MAX_VALUE) long seed) throws IOException {
        Statistics.collect(check(seed));
        // Mutants that all open, or that all fall at the first check, would test nothing.
        Statistics.coverage(c -> c.check("opened").percentage(p -> p > 5 && p < 70));
    }

    @Tag("long")
    @Property(
            tries = 100_000,
            seed = "7",
            generation = GenerationMode.RANDOMIZED,
            edgeCases = EdgeCasesMode.NONE,
            shrinking = ShrinkingMode.OFF)
    void manyMutatedFiles(@ForAll @LongRange(min = 0, max = Long.MAX_VALUE) long seed) throws IOException {
        check(seed);
    }

    /** What became of the file: opened, or why not. */
    private String check(long seed) throws IOException {
        byte[] mutant = mutant(new Mutator(seed));
        Files.write(file, mutant);
        try {
            open(mutant);
            return "opened";
        } catch (Problem p) {
            assertThat(p.kind()).isIn(Problem.Kind.INVALID, Problem.Kind.UNSUPPORTED, Problem.Kind.TOO_LARGE);
            assertThat(p.where()).contains(file.toString());
            return p.what();
        }
    }
}
