package org.llminspector.golden;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.llminspector.base.Json;

/**
 * GgufGolden is a GGUF file with what the reference computed for it.
 *
 * @param tensors the reference's tensors, a safetensors file
 * @param noise what two versions of the reference differ by, or null
 */
public record GgufGolden(Path model, Path tensors, JsonNode noise) {

    public static final Path ROOT = Path.of("src/test/resources/golden/gguf");

    /** Those in {@code kind} (arch, families, types) of this repository, and of LLM_INSPECTOR_GGUF_GOLDENS (a folder) where set. */
    public static List<GgufGolden> all(String kind) {
        List<Path> roots = new ArrayList<>(List.of(ROOT));
        String more = System.getenv("LLM_INSPECTOR_GGUF_GOLDENS");
        if (more != null) roots.add(Path.of(more));
        List<GgufGolden> all = new ArrayList<>();
        for (Path root : roots) {
            if (!root.equals(ROOT) && !Files.isDirectory(root.resolve(kind))) continue;
            try (Stream<Path> files = Files.list(root.resolve(kind))) {
                files.filter(f -> f.toString().endsWith(".gguf")).sorted().forEach(f -> all.add(of(f)));
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            }
        }
        return all;
    }

    /** The goldens lie beside the file, or in ../../gguf_src/FAMILY. */
    public static GgufGolden of(Path model) {
        String name = model.getFileName().toString().replace(".gguf", "");
        Path beside = model.resolveSibling(name + ".golden.safetensors");
        Path source = model.resolveSibling("../../gguf_src/" + name.replace("-f32", ""));
        boolean here = Files.exists(beside);
        Path noise = here ? model.resolveSibling(name + ".noise.json") : source.resolve("noise.json");
        return new GgufGolden(
                model,
                here ? beside : source.resolve("golden.safetensors"),
                Files.exists(noise) ? Json.readObject(noise).path("max_abs_diff") : null);
    }

    /**
     * Three times the noise, of logits where none of this kind was measured; where it was not measured at all, that of the largest
     * model of the same kind.
     */
    public double tolerance(String kind) {
        if (noise == null) return 3 * 3.2e-5;
        return 3 * (noise.has(kind) ? noise.get(kind) : noise.get("logits")).asDouble();
    }

    @Override
    public String toString() {
        return model.getParent().getFileName() + "/" + model.getFileName();
    }
}
