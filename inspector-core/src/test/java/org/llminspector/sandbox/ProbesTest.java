package org.llminspector.sandbox;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.llminspector.base.Problem;
import org.llminspector.checkpoint.Checkpoint;

/** Files from outside are opened by another process first: what ends that one is a problem in this one. */
class ProbesTest {

    private static final Path RESOURCES = Path.of("src/test/resources");
    private static final Path SPM = RESOURCES.resolve("tokenizers/spm/tokenizer.json");

    @TempDir
    Path temp;

    @Test
    void aFileThatSurvivesIsTriedOnce() throws IOException {
        // Bytes that no other test of this process has tried.
        Path file = tokenizer(Files.readString(SPM) + " ");
        Path verdicts = temp.resolve("verdicts");
        new Probes(verdicts, false).tokenizer(file);
        // Another file of the same name, of other bytes, is not the one that was tried.
        assertThat(verdicts.toFile().list()).hasSize(1);
        Files.writeString(file, Files.readString(SPM) + "\n");
        new Probes(verdicts, false).tokenizer(file);
        assertThat(verdicts.toFile().list()).hasSize(2);
        new Probes(verdicts, false).tokenizer(file);
        assertThat(verdicts.toFile().list()).hasSize(2);
    }

    /** The library matches (a+)+$ for ever, or ends the process: here a person trusts the expression, and it is tried nevertheless. */
    @Test
    void whatEndsTheProcessIsAProblem() throws Exception {
        String split =
                "{\"type\":\"Split\",\"pattern\":{\"Regex\":\"(a+)+$\"},\"behavior\":\"Isolated\",\"invert\":false}";
        Path file = tokenizer(Files.readString(SPM)
                .replaceFirst(
                        "\"pre_tokenizer\":\\s*null",
                        "\"pre_tokenizer\": " + java.util.regex.Matcher.quoteReplacement(split)));
        assertThat(Files.readString(file)).contains("(a+)+$");
        try (ProbeProcess process = new ProbeProcess(Probe.TOKENIZER.memory(0))) {
            Verdict verdict = process.ask(Probe.TOKENIZER, file.toAbsolutePath(), true, 20);
            assertThat(verdict.failed()).isNotNull();
            assertThat(verdict.good()).isFalse();
        }
        // Untrusted it does not come so far.
        assertThatThrownBy(() -> new Probes(temp.resolve("verdicts"), false).tokenizer(file))
                .isInstanceOf(Problem.class)
                .hasMessageContaining("pre_tokenizer.pattern.Regex")
                .hasMessageContaining("--trust");
        assertThatCode(() -> new Probes(temp.resolve("verdicts"), true).tokenizer(file))
                .doesNotThrowAnyException();
    }

    @Test
    void aGraphIsTriedWithinItsMemory() throws Exception {
        // A folder that no other test of this process has tried.
        Path model = temp.resolve("llama");
        Files.createDirectories(model);
        for (String name : List.of("config.json", "model.onnx")) {
            Files.copy(RESOURCES.resolve("golden/onnx/llama").resolve(name), model.resolve(name));
        }
        Path config = model.resolve("config.json");
        Files.writeString(config, Files.readString(config).replaceFirst("\\{", "{\"tried_by\": \"ProbesTest\", "));
        try (Checkpoint checkpoint = Checkpoint.open(model)) {
            new Probes(temp.resolve("verdicts"), false).graph(model, checkpoint);
        }
        assertThat(temp.resolve("verdicts").toFile().list())
                .singleElement()
                .asString()
                .startsWith("graph-");
    }

    private Path tokenizer(String json) throws IOException {
        Path file = Files.createDirectories(temp.resolve("model")).resolve("tokenizer.json");
        Files.writeString(file, json);
        return file;
    }
}
