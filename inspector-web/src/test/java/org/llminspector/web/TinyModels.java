package org.llminspector.web;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

/** TinyModels makes a folder of real, tiny models: {@code tiny} has a tokenizer, {@code bare} has none, {@code blocks} is a GGUF file. */
public final class TinyModels {

    private static final Path RESOURCES = Path.of("../inspector-core/src/test/resources");

    private TinyModels() {}

    public static Path in(Path folder) throws IOException {
        Path models = folder.resolve("models");
        copy("golden/hf/llama", models.resolve("tiny"), List.of("config.json", "model.safetensors"));
        copy("tokenizers/spm", models.resolve("tiny"), List.of("tokenizer.json", "tokenizer_config.json"));
        copy("golden/hf/gpt2", models.resolve("bare"), List.of("config.json", "model.safetensors"));
        copy("golden/gguf/types", models.resolve("blocks"), List.of("tiny64-Q4_1.gguf"));
        return models;
    }

    /** Adds {@code endless}: tiny, with a context of 65,536. */
    public static void endless(Path models) throws IOException {
        Path folder = models.resolve("endless");
        copy("golden/hf/llama", folder, List.of("config.json", "model.safetensors"));
        String config = Files.readString(folder.resolve("config.json"));
        String longer =
                config.replaceFirst("\"max_position_embeddings\": *[0-9]+", "\"max_position_embeddings\": 65536");
        if (longer.equals(config)) throw new AssertionError(config);
        Files.writeString(folder.resolve("config.json"), longer);
    }

    /** Adds {@code recurrent}: a Mamba 2 hybrid, whose layer 2 has attention. */
    public static void recurrent(Path models) throws IOException {
        copy("golden/families/bamba", models.resolve("recurrent"), List.of("config.json", "model.safetensors"));
    }

    private static void copy(String from, Path to, List<String> names) throws IOException {
        Files.createDirectories(to);
        for (String name : names) Files.copy(RESOURCES.resolve(from).resolve(name), to.resolve(name));
    }
}
