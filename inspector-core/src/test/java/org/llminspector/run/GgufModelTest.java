package org.llminspector.run;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.llminspector.base.Problem;
import org.llminspector.base.Slice;
import org.llminspector.checkpoint.gguf.GgmlType;
import org.llminspector.checkpoint.gguf.GgufBlock;
import org.llminspector.golden.GgufGolden;
import org.llminspector.run.models.Models;

/** A GGUF file as a model of the program: given, in a folder, one of several. */
class GgufModelTest {

    private static final Path Q2_K = GgufGolden.ROOT.resolve("types/tiny256-Q2_K.gguf");

    @TempDir
    Path temp;

    private Inspector open(Path given, Path root) {
        return Inspector.open(new InspectorConfig(
                root == null ? List.of() : List.of(root), given, temp.resolve("runs"), 1 << 30, 1 << 30, 4));
    }

    @Test
    void aGivenFile() {
        try (Inspector inspector = open(Q2_K, null)) {
            assertThat(inspector.models().defaultSlug()).isEqualTo("tiny256-Q2_K");
            Models.ModelDetails model = inspector.models().details("tiny256-Q2_K");
            assertThat(model.summary().trouble()).isNull();
            assertThat(model.summary().family()).isEqualTo("llama");
            assertThat(model.summary().hasTokenizer()).isTrue();
            assertThat(model.summary().bytes()).isLessThan(model.summary().parameters());
            assertThat(model.tokenizer().bosId()).isEqualTo(1);
        }
    }

    @Test
    void aBlockIsTheWeightsOfTheTensorWhereverTheFileHasThem() {
        String q = "model.layers.0.self_attn.q_proj.weight";
        try (Inspector inspector = open(Q2_K, null)) {
            float[] all = inspector
                    .models()
                    .weights()
                    .tensor("tiny256-Q2_K", q, null, null)
                    .toFloats();
            for (int row : new int[] {0, 1, 17, 255}) {
                GgufBlock block = inspector.models().weights().block("tiny256-Q2_K", q, row, 3);
                assertThat(block.type()).isEqualTo(GgmlType.Q2_K);
                assertThat(block.tensor()).isEqualTo("blk.0.attn_q.weight");
                for (int i = 0; i < 256; i++) assertThat(block.values().get(i)).isEqualTo(all[row * 256 + i]);
                assertThat(inspector
                                .models()
                                .weights()
                                .tensor("tiny256-Q2_K", q, Slice.at(row), Slice.range(2, 4))
                                .toFloats())
                        .containsExactly(all[row * 256 + 2], all[row * 256 + 3]);
            }
            // q's rows were permuted by the converter.
            assertThat(inspector
                            .models()
                            .weights()
                            .block("tiny256-Q2_K", q, 1, 0)
                            .row())
                    .isEqualTo(2);
            assertThatThrownBy(() -> inspector.models().weights().block("tiny256-Q2_K", q, 256, 0))
                    .isInstanceOf(Problem.class);
            assertThatThrownBy(() -> inspector.models().weights().block("tiny256-Q2_K", "model.norm.weight", 0, 0))
                    .isInstanceOf(Problem.class)
                    .hasMessageContaining("not stored in blocks");
        }
    }

    @Test
    void foldersAreListed() throws Exception {
        Path root = Files.createDirectories(temp.resolve("models"));
        Files.copy(Q2_K, root.resolve("loose.gguf"));
        Files.copy(Q2_K, Files.createDirectories(root.resolve("single")).resolve("a.gguf"));
        Files.write(root.resolve("single/mmproj-a.gguf"), new byte[3]);
        Path several = Files.createDirectories(root.resolve("several"));
        Files.copy(Q2_K, several.resolve("x-Q2_K.gguf"));
        Files.write(several.resolve("x-broken.GGUF"), new byte[100]);
        Path cached = Files.createDirectories(root.resolve("models--org--name-GGUF/snapshots/abc"));
        Files.copy(Q2_K, cached.resolve("b.gguf"));
        try (Inspector inspector = open(null, root)) {
            List<Models.ModelSummary> models = inspector.models().list().stream()
                    .filter(m -> m.path().startsWith("models/")) // shown by its root's name
                    .toList();
            assertThat(models.stream().map(Models.ModelSummary::slug))
                    .containsExactlyInAnyOrder("loose", "single", "x-Q2_K", "x-broken", "org--name-GGUF");
            for (Models.ModelSummary m : models) {
                if (m.slug().equals("x-broken")) assertThat(m.trouble()).contains("not a GGUF file");
                else assertThat(m.trouble()).isNull();
            }
        }
    }
}
