package org.llminspector.hub;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.llminspector.base.Problem;

/** Catalog: the committed list, and lists that are none. */
class CatalogTest {

    @Test
    void theCommittedCatalogReads() {
        Catalog catalog = Catalog.load(Path.of("../model-cache/catalog.json"));
        assertThat(catalog.models()).hasSizeGreaterThanOrEqualTo(12);
        assertThat(catalog.models()).extracting(Catalog.Entry::repo).doesNotHaveDuplicates();
        assertThat(catalog.models()).allSatisfy(m -> {
            assertThat(m.family()).isNotBlank();
            assertThat(m.licence()).isNotBlank();
            assertThat(m.why()).isNotBlank();
            assertThat(m.slug()).contains("--");
            // Two or four bytes a parameter; Qwen3 stores its tied head twice.
            if (m.weightsBytes() != null) {
                assertThat(m.weightsBytes() / (double) m.parameters()).isBetween(2.0, 4.5);
            }
        });
    }

    @Test
    void aWrongCatalogIsNamed(@TempDir Path dir) throws IOException {
        Path file = Files.writeString(dir.resolve("catalog.json"), "{\"models\": [{\"repo\": \"../x\"}]}");
        assertThatThrownBy(() -> Catalog.load(file)).isInstanceOf(Problem.class);
        Files.writeString(file, "{\"models\": [{\"repo\": \"a/b\", \"size\": 3}]}");
        assertThatThrownBy(() -> Catalog.load(file)).isInstanceOf(Problem.class).hasMessageContaining("size");
    }
}
