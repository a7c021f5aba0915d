package org.llminspector.run;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.PrintWriter;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** A model is written over while a run reads it, by other programs, several times: the program that runs it lives. */
@Timeout(300)
@EnabledOnOs(OS.LINUX)
class OverwrittenTest {

    private static final Path RESOURCES = Path.of("src/test/resources/golden");

    /** Tokens of a run that is under way for as long as the test may take. */
    private static final int LONG = 60_000;

    @TempDir
    Path temp;

    @ParameterizedTest
    @CsvSource({
        "torch,hf/llama,model.safetensors",
        "onnx,hf/llama,model.safetensors",
        "torch,gguf/types,tiny64-Q4_1.gguf",
        "onnx,gguf/types,tiny64-Q4_1.gguf",
        "onnx,onnx/genai_fp32,model.onnx.data"
    })
    void theRunEndsAndTheNextOneReadsTheNewFile(String engine, String from, String file) throws Exception {
        Path models = Files.createDirectories(temp.resolve("models"));
        boolean endless = from.startsWith("hf");
        Path weights = copy(from, models, file);
        Path whole = Files.copy(weights, temp.resolve("whole"));
        String slug = file.endsWith(".gguf") ? "tiny64-Q4_1" : "model";
        Process program = new ProcessBuilder(
                        Path.of(System.getProperty("java.home"), "bin/java").toString(),
                        "-cp",
                        System.getProperty("java.class.path"),
                        OverwrittenMain.class.getName(),
                        models.toString(),
                        temp.resolve("runs").toString(),
                        slug,
                        engine)
                .redirectError(temp.resolve("errors").toFile())
                .start();
        try (PrintWriter tell = new PrintWriter(program.getOutputStream(), true, StandardCharsets.UTF_8);
                BufferedReader told =
                        new BufferedReader(new InputStreamReader(program.getInputStream(), StandardCharsets.UTF_8))) {
            List<List<String>> writers = List.of(
                    List.of("cp", "/dev/null", weights.toString()),
                    List.of("dd", "if=/dev/zero", "bs=1000", "count=1", "of=" + weights),
                    List.of("cp", whole.toString(), weights.toString()));
            for (List<String> writer : writers) {
                tell.println(endless ? LONG + "" : "20 waits");
                assertThat(line(told, program)).isEqualTo("begun");
                assertThat(new ProcessBuilder(writer)
                                .redirectErrorStream(true)
                                .start()
                                .waitFor())
                        .as(writer.toString())
                        .isZero();
                if (!endless) tell.println();
                assertThat(line(told, program))
                        .startsWith("ended CONFLICT")
                        .contains("written over", weights.toString());
                Path copy = Files.copy(whole, temp.resolve("copy"));
                Files.move(copy, weights, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
                tell.println(5);
                assertThat(line(told, program)).isEqualTo("begun");
                assertThat(line(told, program)).isEqualTo("ended well");
            }
        } finally {
            program.waitFor();
        }
        assertThat(program.exitValue())
                .as(Files.readString(temp.resolve("errors")))
                .isZero();
    }

    private String line(BufferedReader told, Process program) throws IOException {
        String line = told.readLine();
        if (line != null) return line;
        throw new AssertionError("the program died: " + program + Files.readString(temp.resolve("errors")));
    }

    /** One model's folder; of safetensors with a context that no run comes to the end of. */
    private static Path copy(String from, Path models, String weights) throws IOException {
        Path dir = Files.createDirectories(models.resolve("model"));
        try (Stream<Path> files = Files.list(RESOURCES.resolve(from))) {
            for (Path file : files.toList()) {
                String name = file.getFileName().toString();
                if (!name.startsWith("golden") && (!name.endsWith(".gguf") || name.equals(weights))) {
                    Files.copy(file, dir.resolve(name));
                }
            }
        }
        if (weights.endsWith(".gguf")) return Files.move(dir.resolve(weights), models.resolve(weights));
        if (weights.endsWith(".safetensors")) {
            Path config = dir.resolve("config.json");
            String longer = Files.readString(config)
                    .replaceFirst("\"max_position_embeddings\": *[0-9]+", "\"max_position_embeddings\": 65536");
            Files.writeString(config, longer);
        }
        return dir.resolve(weights);
    }
}
