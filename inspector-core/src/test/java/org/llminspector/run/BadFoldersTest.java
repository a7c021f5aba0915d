package org.llminspector.run;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;
import java.util.stream.Stream;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.llminspector.base.Json;
import org.llminspector.base.Problem;
import org.llminspector.base.Tensor;
import org.llminspector.checkpoint.SafetensorsFile;
import org.llminspector.checkpoint.SafetensorsWriter;
import org.llminspector.golden.Golden;
import org.llminspector.run.models.Models;

/** Folders whose config and weights do not belong together: each is one line of the list, with what is wrong with it. */
class BadFoldersTest {

    @TempDir
    Path temp;

    private Path root;

    @AutoClose
    private Inspector inspector;

    @BeforeEach
    void open() throws IOException {
        root = Files.createDirectories(temp.resolve("models"));
        model("good", c -> {});
        inspector =
                Inspector.open(new InspectorConfig(List.of(root), null, temp.resolve("runs"), 1L << 30, 1L << 20, 4));
    }

    @Test
    void noSizeIsBelievedThatTheFilesHaveNoRoomFor() throws IOException {
        model("deep", c -> c.put("num_hidden_layers", 1_000_000));
        model("wide", c -> c.put("hidden_size", 1 << 30));
        model("heads", c -> c.put("num_attention_heads", 4)
                .put("num_key_value_heads", 4)
                .put("head_dim", (1 << 30) + 16));
        model("vocab", c -> c.put("vocab_size", Integer.MAX_VALUE));
        model("turns", c -> c.put("partial_rotary_factor", 1e300));
        model("turns-none", c -> c.put("partial_rotary_factor", -1));
        assertThat(troubles())
                .hasEntrySatisfying("deep", t -> assertThat(t).contains("num_hidden_layers", "1000000"))
                .hasEntrySatisfying("wide", t -> assertThat(t).contains("hidden_size", "1073741824"))
                .hasEntrySatisfying("heads", t -> assertThat(t).contains("head_dim"))
                .hasEntrySatisfying("vocab", t -> assertThat(t).contains("vocab_size"))
                .hasEntrySatisfying("turns", t -> assertThat(t).contains("partial_rotary_factor", "1.0E300"))
                .hasEntrySatisfying("turns-none", t -> assertThat(t).contains("partial_rotary_factor"))
                .hasSize(6);
    }

    @Test
    void aMissingTensorAndOneOfAnotherShapeAreNamed() throws IOException {
        String norm = "model.layers.0.input_layernorm.weight";
        weights(model("less", c -> {}), tensors -> tensors.remove(norm));
        weights(model("other", c -> {}), tensors -> tensors.put(norm, Tensor.of(new float[3], 3)));
        assertThat(troubles())
                .hasEntrySatisfying("less", t -> assertThat(t).contains("no such tensor", norm))
                .hasEntrySatisfying("other", t -> assertThat(t).contains("another shape", norm, "[3]"));
        assertThatThrownBy(() -> inspector.models().details("less"))
                .isInstanceOfSatisfying(Problem.class, p -> assertThat(p.kind()).isEqualTo(Problem.Kind.NOT_FOUND));
    }

    @Test
    void whatIsMendedIsSeenAtOnce() throws IOException {
        Path folder = model("mended", c -> c.remove("hidden_size"));
        assertThat(troubles()).containsKey("mended");
        Files.copy(
                Golden.ROOT.resolve("llama/config.json"),
                folder.resolve("config.json"),
                java.nio.file.StandardCopyOption.REPLACE_EXISTING);
        assertThat(troubles()).isEmpty();
    }

    @Test
    void aListOpensNothing() throws IOException {
        Files.writeString(root.resolve("good/tokenizer.json"), "not JSON at all");
        assertThat(inspector.models().list()).singleElement().satisfies(m -> {
            assertThat(m.slug()).isEqualTo("good");
            assertThat(m.hasTokenizer()).isTrue();
            assertThat(m.trouble()).isNull();
            assertThat(m.parameters()).isPositive();
        });
        assertThatThrownBy(() -> inspector.models().tokenizer("good"))
                .isInstanceOf(Problem.class)
                .hasMessageContaining("tokenizer.json");
    }

    /** By slug: why it cannot be opened. */
    private Map<String, String> troubles() {
        Map<String, String> troubles = new LinkedHashMap<>();
        for (Models.ModelSummary m : inspector.models().list())
            if (m.trouble() != null) troubles.put(m.slug(), m.trouble());
        return troubles;
    }

    private Path model(String name, Consumer<ObjectNode> change) throws IOException {
        Path folder = Files.createDirectories(root.resolve(name));
        try (Stream<Path> files = Files.list(Golden.ROOT.resolve("llama"))) {
            for (Path file :
                    files.filter(f -> f.toString().endsWith(".safetensors")).toList()) {
                if (file.getFileName().toString().equals("model.safetensors"))
                    Files.copy(file, folder.resolve("model.safetensors"));
            }
        }
        ObjectNode config = (ObjectNode) Json.readObject(Golden.ROOT.resolve("llama/config.json"));
        change.accept(config);
        Files.writeString(folder.resolve("config.json"), config.toString());
        return folder;
    }

    private static void weights(Path folder, Consumer<Map<String, Tensor>> change) {
        Path file = folder.resolve("model.safetensors");
        Map<String, Tensor> tensors = new LinkedHashMap<>();
        try (SafetensorsFile weights = SafetensorsFile.open(file)) {
            for (String name : weights.tensors().keySet()) tensors.put(name, weights.tensor(name));
        }
        change.accept(tensors);
        SafetensorsWriter.write(file, tensors, Map.of());
    }
}
