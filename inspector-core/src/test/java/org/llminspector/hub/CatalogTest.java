package org.llminspector.hub;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.llminspector.base.Problem;
import org.llminspector.hub.repo.RepoId;

/** Catalog: the committed list, and lists that are none. */
class CatalogTest {

    /**
     * Pythia's files contain masks and frequencies next to the weights, and OLMo 2's config does not state its number
     * format.
     */
    private static final Set<String> UNKNOWN_FILES = Set.of("gpt_neox", "olmo2");

    @Test
    void theCommittedCatalogReads() {
        Catalog catalog = Catalog.load(Path.of("../model-cache/catalog.json"));
        assertThat(catalog.models()).hasSizeGreaterThanOrEqualTo(12);
        assertThat(catalog.models()).extracting(Catalog.Entry::repo).doesNotHaveDuplicates();
        assertThat(catalog.models()).allSatisfy(m -> {
            assertThat(m.family()).isNotBlank();
            assertThat(m.licence()).isNotBlank();
            assertThat(m.why()).isNotBlank();
            assertThat(new RepoId(m.repo()).slug()).contains("--");
        });
    }

    /** Every number follows from the published shapes; what cannot be computed from them is not said. */
    @Test
    void sizesAreWhatTheShapesAddUpTo() {
        for (Catalog.Entry m :
                Catalog.load(Path.of("../model-cache/catalog.json")).models()) {
            PublishedShapes shapes = PublishedShapes.of(m.repo());
            assertThat(m.parameters()).as(m.repo()).isEqualTo(shapes.parameters());
            if (UNKNOWN_FILES.contains(m.family())) {
                assertThat(m.weightsBytes()).as(m.repo()).isNull();
            } else {
                // GPT-2's file was written before headers were filled up, and without metadata.
                long older = m.family().equals("gpt2") ? 61 : 0;
                assertThat(m.weightsBytes()).as(m.repo()).isEqualTo(shapes.fileBytes() - older);
            }
        }
    }

    @Test
    void aWrongCatalogIsNamed(@TempDir Path dir) throws IOException {
        Path file = Files.writeString(dir.resolve("catalog.json"), "{\"models\": [{\"repo\": \"../x\"}]}");
        assertThatThrownBy(() -> Catalog.load(file)).isInstanceOf(Problem.class);
        Files.writeString(file, "{\"models\": [{\"repo\": \"a/b\", \"size\": 3}]}");
        assertThatThrownBy(() -> Catalog.load(file)).isInstanceOf(Problem.class).hasMessageContaining("size");
    }
}
