package org.llminspector.hub;

import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.llminspector.base.Problem;

/** Sha256Sums: whole files pass, a changed, missing or unlisted-looking one is named. */
class Sha256SumsTest {

    /** Of {@code abc}: FIPS 180-2, appendix B.1. */
    private static final String ABC = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

    @TempDir
    Path dir;

    @Test
    void aFolderWithoutSumsHasNothingToCheck() {
        assertThatCode(() -> Sha256Sums.verify(dir)).doesNotThrowAnyException();
    }

    @Test
    void wholeFilesPassAndAChangedOneIsNamed() throws IOException {
        Path file = Files.writeString(dir.resolve("model.safetensors"), "abc");
        Files.writeString(dir.resolve(Sha256Sums.NAME), ABC + "  model.safetensors\n");
        assertThatCode(() -> Sha256Sums.verify(dir)).doesNotThrowAnyException();

        Files.writeString(file, "abd");
        assertThatThrownBy(() -> Sha256Sums.verify(dir))
                .isInstanceOf(Problem.class)
                .hasMessageContaining("model.safetensors")
                .hasMessageContaining(ABC);

        Files.delete(file);
        assertThatThrownBy(() -> Sha256Sums.verify(dir))
                .isInstanceOf(Problem.class)
                .hasMessageContaining("no such file");
    }

    @Test
    void aLineThatIsNoneIsRefused() throws IOException {
        Files.writeString(dir.resolve(Sha256Sums.NAME), ABC + "  ../outside\n");
        assertThatThrownBy(() -> Sha256Sums.verify(dir))
                .isInstanceOf(Problem.class)
                .hasMessageContaining("../outside");
    }
}
