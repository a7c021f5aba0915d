package org.llminspector.run;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.llminspector.run.Requests.prompt;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.llminspector.base.Problem;
import org.llminspector.base.Slice;
import org.llminspector.base.Tensor;
import org.llminspector.run.models.Models;
import org.llminspector.run.request.RunRequest;

/** The facade's models: which there are, which is the default, and what is in them. */
class InspectorTest {

    @TempDir
    Path temp;

    @AutoClose
    private Inspector inspector;

    @BeforeEach
    void open() {
        inspector = TextModel.open(temp, 2L << 20);
    }

    @Test
    void theEmbeddedModelIsTheDefaultAndIsChecked() throws IOException {
        Path root = Files.createDirectories(temp.resolve("shipped"));
        TextModel.make(root);
        Files.createDirectory(root.resolve("a-first"));
        Files.writeString(root.resolve("a-first/config.json"), "{}");
        Files.writeString(root.resolve("catalog.json"), "{\"embedded\": \"tiny-text\", \"models\": []}");
        Files.writeString(root.resolve("tiny-text/SHA256SUMS"), "0".repeat(64) + "  model.safetensors\n");
        try (Inspector shipped = Inspector.open(
                new InspectorConfig(List.of(root), null, temp.resolve("runs2"), 1L << 30, 2L << 20, 4))) {
            assertThat(shipped.models().defaultSlug()).isEqualTo("tiny-text");
            RunRequest request = prompt("Once").build();
            assertThatThrownBy(() -> shipped.runs().run(request, RunListener.NONE))
                    .isInstanceOf(Problem.class)
                    .hasMessageContaining("model.safetensors");
        }
    }

    @Test
    void modelsHooksAndTensorsAreDescribed() {
        assertThat(inspector.models().defaultSlug()).isEqualTo("tiny-text");
        assertThat(inspector.models().list())
                .extracting(Models.ModelSummary::slug)
                .contains("tiny-text", "gpt2", "llama_sharded");
        assertThat(inspector.models().details("gpt2").tokenizer()).isNull();
        assertThat(inspector.models().details("gpt2").task()).isNull();
        assertThat(inspector.models().hooks("gpt2", "torch"))
                .anySatisfy(h -> assertThat(h.name()).isEqualTo("hook_pos_embed"))
                .filteredOn(h -> h.name().endsWith("hook_rot_q"))
                .allSatisfy(h -> {
                    assertThat(h.available()).isFalse();
                    assertThat(h.why()).contains("RoPE");
                });
        Tensor part = inspector
                .models()
                .weights()
                .tensor("llama", "lm_head.weight", Slice.parse("2:4", "rows"), Slice.parse("-1", "cols"));
        assertThat(part.shape()).containsExactly(2, 1);
        assertThatThrownBy(() -> inspector.models().weights().tensor("llama", "nothing", null, null))
                .isInstanceOf(Problem.class);
        assertThat(inspector.models().engines().get(0).precisions()).hasSize(7);
        assertThat(inspector.models().devices().get(0).id()).isEqualTo("cpu");
    }
}
