package org.llminspector.checkpoint;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Random;
import net.jqwik.api.Example;
import net.jqwik.api.lifecycle.AfterContainer;
import net.jqwik.api.lifecycle.BeforeContainer;
import org.llminspector.base.Problem;

/** FuzzTest mutates files of one format: each is opened correctly or refused with a Problem, never anything else. */
public abstract class FuzzTest {

    /** Many more with -Plong. */
    private static final int MUTANTS = Integer.getInteger("mutants", 1_000);

    protected static final boolean LONG = MUTANTS > 1_000;

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

    protected int mutants() {
        return MUTANTS;
    }

    /** What a refusal must name. */
    protected String named() {
        return file.toString();
    }

    /** Opens the mutant, which lies in {@link #file}, and reads all of it; a refusal is a Problem. */
    protected abstract void open(byte[] mutant) throws IOException;

    @Example
    void mutatedFiles() throws IOException {
        Random seeds = new Random(20261125);
        int opened = 0;
        for (int i = 0; i < mutants(); i++) {
            if (opens(seeds.nextLong())) opened++;
            if (i % 1_000 == 999) System.gc(); // ends the leases on mutants before
        }
        // Mutants that all open, or that all fall at the first check, would test nothing.
        assertThat(100.0 * opened / mutants()).as("per cent opened").isBetween(5.0, 70.0);
    }

    /** Whether the mutant of a seed opens; it is refused as it should be otherwise. */
    protected boolean opens(long seed) throws IOException {
        byte[] mutant = mutant(new Mutator(seed));
        Files.deleteIfExists(file); // to write over a file that is mapped waits for its lease
        Files.write(file, mutant);
        try {
            open(mutant);
            return true;
        } catch (Problem p) {
            assertThat(p.kind())
                    .as("mutant %d", seed)
                    .isIn(
                            Problem.Kind.INVALID,
                            Problem.Kind.NOT_FOUND,
                            Problem.Kind.UNSUPPORTED,
                            Problem.Kind.TOO_LARGE);
            assertThat(p.where()).as("mutant %d: %s", seed, p.getMessage()).contains(named());
            return false;
        } catch (RuntimeException | Error e) {
            throw new AssertionError("mutant " + seed, e);
        }
    }
}
