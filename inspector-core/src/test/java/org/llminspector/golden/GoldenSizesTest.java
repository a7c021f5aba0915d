package org.llminspector.golden;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/** Upper bounds of the goldens' bytes: git keeps every version of every golden, so what is added stays in every clone. */
class GoldenSizesTest {

    private static final Path GOLDENS = Path.of("src/test/resources/golden");

    /** Bytes of one file; the largest is families/gemma4/model.safetensors, whose heads are 512 wide in full layers. */
    private static final long FILE = 3_822_224;

    /** Bytes of all files together: 40 families of 2025 and 2026 came to 48,245,286. */
    private static final long ALL = 129_533_555;

    private static final String INSTEAD =
            "Make it smaller in scripts/golden: fewer layers, a narrower model, fewer tokens, only the tensors that a test reads"
                    + " (CONTRIBUTING.md, Weights in git)";

    @Test
    void noFileIsLargerThanItsBound() throws IOException {
        assertThat(files())
                .allSatisfy(file ->
                        assertThat(Files.size(file)).as("%s. %s", file, INSTEAD).isLessThanOrEqualTo(FILE));
    }

    @Test
    void allFilesTogetherAreNotLargerThanTheirBound() throws IOException {
        long bytes = 0;
        for (Path file : files()) bytes += Files.size(file);
        assertThat(bytes)
                .as(
                        "bytes of all goldens. %s, or delete a golden that the new one replaces; raise ALL only in a commit that"
                                + " says why",
                        INSTEAD)
                .isLessThanOrEqualTo(ALL);
    }

    private static List<Path> files() throws IOException {
        try (Stream<Path> found = Files.walk(GOLDENS)) {
            return found.filter(Files::isRegularFile).sorted().toList();
        }
    }
}
