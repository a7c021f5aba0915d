package org.llminspector.engine.plain;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;
import org.llminspector.base.Json;
import org.llminspector.checkpoint.Checkpoint;
import org.llminspector.family.Family;
import org.llminspector.golden.Golden;
import org.llminspector.spec.DecoderSpec;

/**
 * Which field of each family's spec no Llama has. The page has the same rule in TypeScript; llama-specs.json has one
 * spec for each field, and the page's forward.test.ts holds that rule to it. -Dllama.write=true writes the file anew.
 */
class LlamaSpecTest {

    private static final Path SPECS = Path.of("src/test/resources/llama-specs.json");

    @Test
    void eachFamilyDiffersByItsField() {
        Map<String, String> fields = new TreeMap<>();
        for (Path dir : Golden.in(Golden.FAMILIES)) {
            LlamaSpec.otherField(spec(dir))
                    .ifPresent(field -> fields.put(dir.getFileName().toString(), field));
        }
        assertThat(fields)
                .containsEntry("bloom", "layers[0].attention.rope")
                .containsEntry("cohere", "final_norm.kind")
                .containsEntry("cohere2", "layers[3].attention.rope")
                .containsEntry("deepseek_v3", "layers[0].attention.d_value")
                .containsEntry("gemma", "embed_scale")
                .containsEntry("glm4", "layers[0].attention.qkv_bias")
                .containsEntry("gpt_oss", "layers[0].attention.out_bias")
                .containsEntry("lfm2", "layers[0].conv")
                .containsEntry("mixtral", "layers[0].mlp.experts")
                .containsEntry("olmoe", "layers[0].attention.k_norm")
                .doesNotContainKeys("ernie4_5", "phi3_longrope");
    }

    @Test
    void thePageHasASpecOfEachField() throws IOException {
        List<Path> dirs = new ArrayList<>(Golden.in(Golden.ROOT));
        dirs.addAll(Golden.in(Golden.FAMILIES));
        Map<String, ObjectNode> specs = new TreeMap<>();
        for (Path dir : dirs) {
            DecoderSpec spec = spec(dir);
            String field = LlamaSpec.otherField(spec).orElse("");
            ObjectNode entry = Json.mapper().createObjectNode().put("field", field);
            specs.putIfAbsent(field, entry.set("spec", Json.mapper().valueToTree(spec)));
        }
        assertThat(specs).hasSizeGreaterThan(9);
        StringBuilder lines = new StringBuilder();
        for (ObjectNode entry : specs.values())
            lines.append(lines.isEmpty() ? "[\n" : ",\n").append(entry);
        lines.append("\n]\n");
        if (Boolean.getBoolean("llama.write")) Files.writeString(SPECS, lines);
        assertThat(Files.readString(SPECS)).isEqualTo(lines.toString());
    }

    private static DecoderSpec spec(Path dir) {
        try (Checkpoint checkpoint = Checkpoint.open(dir)) {
            return Family.open(checkpoint).spec();
        }
    }
}
