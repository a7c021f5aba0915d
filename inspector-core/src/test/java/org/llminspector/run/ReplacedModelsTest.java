package org.llminspector.run;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;
import org.llminspector.run.request.RunRequest;

/** A program keeps nothing of models whose files were replaced or deleted once no request reads them. */
@Timeout(300)
class ReplacedModelsTest {

    private static final int REPLACEMENTS = 50;

    @TempDir
    Path temp;

    @Test
    @EnabledOnOs(OS.LINUX)
    void fiftyReplacementsAndADeletionLeaveNothingBehind() throws Exception {
        Path dir = TextModel.make(Files.createDirectories(temp.resolve("models")));
        try (Inspector inspector = Inspector.open(new InspectorConfig(
                List.of(temp.resolve("models")), null, temp.resolve("runs"), 1L << 30, 1L << 20, 4))) {
            use(inspector);
            int threads = Thread.getAllStackTraces().size();
            for (int i = 0; i < REPLACEMENTS; i++) {
                for (String file : List.of("model.safetensors", "tokenizer.json", "config.json")) replace(dir, file);
                use(inspector);
            }
            for (Path file : files(dir)) Files.delete(file);
            Files.delete(dir);
            assertThat(inspector.models().list()).isEmpty();
            assertThat(inspector.models().memory().models()).isEmpty();
            within(60, () -> deleted().isEmpty());
            within(90, () -> Thread.getAllStackTraces().size() <= threads);
        }
    }

    @Test
    @EnabledOnOs(OS.LINUX)
    void openingAModelLetsThoseGoThatAreDeleted() throws Exception {
        Path models = Files.createDirectories(temp.resolve("models"));
        try (Inspector inspector = Inspector.open(
                new InspectorConfig(List.of(models), null, temp.resolve("runs"), 1L << 30, 1L << 20, 4))) {
            for (int i = 0; i < 5; i++) {
                Path dir = Files.move(TextModel.make(models), models.resolve("model-" + i));
                inspector.runs().run(Requests.prompt("a b").model("model-" + i).build(), RunListener.NONE);
                assertThat(inspector.models().memory().models()).hasSize(1);
                for (Path file : files(dir)) Files.delete(file);
                Files.delete(dir);
            }
        }
    }

    private static void use(Inspector inspector) {
        for (String engine : List.of("torch", "onnx")) {
            RunRequest request =
                    Requests.prompt("a b").model("tiny-text").engine(engine).build();
            inspector.runs().run(request, RunListener.NONE);
        }
        inspector.models().tokenizer("tiny-text").encode("a b", true);
        inspector.models().details("tiny-text");
    }

    private static void replace(Path dir, String name) throws IOException {
        Path copy = Files.copy(dir.resolve(name), dir.resolve(name + ".copy"));
        Files.move(copy, dir.resolve(name), StandardCopyOption.REPLACE_EXISTING, StandardCopyOption.ATOMIC_MOVE);
    }

    private static List<Path> files(Path dir) throws IOException {
        try (Stream<Path> all = Files.list(dir)) {
            return all.toList();
        }
    }

    /** Open handles and mappings of files under the test's folder that are gone. */
    private List<String> deleted() throws IOException {
        List<String> all = new ArrayList<>();
        for (Path handle : files(Path.of("/proc/self/fd"))) {
            try {
                all.add(Files.readSymbolicLink(handle).toString());
            } catch (IOException e) {
                // That of the list itself.
            }
        }
        all.addAll(Files.readAllLines(Path.of("/proc/self/maps")));
        all.removeIf(l -> !l.contains(temp.toString()) || !l.endsWith("(deleted)"));
        return all;
    }

    private interface Condition {
        boolean holds() throws IOException;
    }

    private void within(int seconds, Condition condition) throws IOException, InterruptedException {
        long until = System.nanoTime() + seconds * 1_000_000_000L;
        while (!condition.holds()) {
            assertThat(System.nanoTime())
                    .as(() -> {
                        try {
                            return deleted() + " " + Thread.getAllStackTraces().keySet();
                        } catch (IOException e) {
                            return e.toString();
                        }
                    })
                    .isLessThan(until);
            Thread.sleep(100);
        }
    }
}
