package org.llminspector.web.server;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.io.RandomAccessFile;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.condition.DisabledOnOs;
import org.junit.jupiter.api.condition.OS;

/** Files next to a model's weights that no program may read whole, or open at all. */
@Timeout(240)
class SideFilesTest extends LiveTest {

    private static final List<String> MODEL_FILES = List.of(
            "config.json",
            "generation_config.json",
            "tokenizer_config.json",
            "special_tokens_map.json",
            "tokenizer.json",
            "chat_template.jinja",
            "model.safetensors.index.json",
            "model.safetensors",
            "SHA256SUMS",
            "loss.csv",
            "recipe.json");
    private static final List<String> TRAINING_FILES = List.of("recipe.json", "loss.csv", "sittings.json");

    private interface Bad {
        void make(Path file) throws IOException;
    }

    /** 32 GiB that take no space on the disk; the heap has less. */
    @Test
    void filesOfManyGigabytesAreRefused() throws IOException {
        asks("huge", file -> {
            try (RandomAccessFile sparse = new RandomAccessFile(file.toFile(), "rw")) {
                sparse.setLength(32L << 30);
            }
        });
    }

    @Test
    @DisabledOnOs(OS.WINDOWS)
    void pipesAreNotOpened() throws IOException {
        asks("pipe", file -> {
            try {
                assertThat(new ProcessBuilder("mkfifo", file.toString()).start().waitFor())
                        .isZero();
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
            }
        });
    }

    @Test
    void aRecipeOfTwoMegabytesIsRefusedInARequest() {
        String config = "name: x\\n" + "#".repeat(2 << 20);
        live.post("/api/v1/training-jobs", "{\"config\":\"" + config + "\"}").problem(413);
    }

    private static void asks(String name, Bad bad) throws IOException {
        for (String file : MODEL_FILES) {
            String slug = name + "-" + file.replaceAll("[^a-z0-9]", "-");
            Path dir = copy(slug);
            Files.deleteIfExists(dir.resolve(file));
            if (file.endsWith("index.json")) Files.delete(dir.resolve("model.safetensors"));
            bad.make(dir.resolve(file));
            answered(live.get("/api/v1/models/" + slug));
            answered(live.post("/api/v1/models/" + slug + "/tokenize", "{\"text\":\"a b\"}"));
            answered(live.post(
                    "/api/v1/runs",
                    "{\"model\":\"" + slug + "\",\"messages\":[{\"role\":\"user\",\"content\":\"a\"}]}"));
            answered(live.post("/api/v1/runs", "{\"model\":\"" + slug + "\",\"tokens\":[1,2]}"));
            answered(live.get("/api/v1/models/" + slug + "/curve"));
            answered(live.get("/api/v1/models"));
            delete(dir);
        }
        for (String file : TRAINING_FILES) {
            Path dir = Files.createDirectories(folder.resolve("trained/" + name));
            Files.writeString(dir.resolve("recipe.json"), "{\"name\":\"x\"}");
            Files.deleteIfExists(dir.resolve(file));
            bad.make(dir.resolve(file));
            answered(live.get("/api/v1/training-jobs"));
            answered(live.get("/api/v1/training-jobs/" + name));
            answered(live.get("/api/v1/training-jobs/" + name + "/curve"));
            delete(dir);
        }
    }

    private static void answered(LiveServer.Answer answer) {
        assertThat(answer.status()).as(answer.text()).isLessThan(500);
    }

    private static Path copy(String slug) throws IOException {
        Path dir = Files.createDirectories(folder.resolve("models/" + slug));
        try (var files = Files.list(folder.resolve("models/tiny"))) {
            for (Path f : files.toList())
                Files.copy(f, dir.resolve(f.getFileName().toString()));
        }
        return dir;
    }

    private static void delete(Path dir) {
        try (var files = Files.list(dir)) {
            for (Path f : files.toList()) Files.delete(f);
            Files.delete(dir);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
