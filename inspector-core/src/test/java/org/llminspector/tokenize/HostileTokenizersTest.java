package org.llminspector.tokenize;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import ai.djl.huggingface.tokenizers.HuggingFaceTokenizer;
import java.io.ByteArrayInputStream;
import java.io.File;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeSet;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.llminspector.base.Problem;
import org.llminspector.djl.Djl;

/** Files that would end the process are refused by name before the library sees them. */
class HostileTokenizersTest {

    @TempDir
    Path folder;

    @Test
    void eachIsRefusedByName() throws IOException {
        for (Map.Entry<String, byte[]> hostile : HostileTokenizers.all().entrySet()) {
            Files.write(folder.resolve("tokenizer.json"), hostile.getValue());
            assertThatThrownBy(() -> Tokenizer.open(folder))
                    .as(hostile.getKey())
                    .isInstanceOfSatisfying(Problem.class, p -> {
                        assertThat(p.kind()).isIn(Problem.Kind.INVALID, Problem.Kind.UNSUPPORTED);
                        assertThat(p.where()).contains(folder.toString());
                    });
        }
    }

    @Test
    void aTrustedExpressionPasses() throws IOException {
        Files.write(folder.resolve("tokenizer.json"), HostileTokenizers.all().get("an expression that never ends"));
        try (Tokenizer tokenizer = Tokenizer.open(folder, true).orElseThrow()) {
            assertThat(tokenizer.encode("the cat", false)).isNotEmpty();
        }
    }

    /** What the checks are for: the library, without them, in processes of its own. */
    @Tag("long")
    @Test
    void theLibraryItselfDoesNotSurviveThem() throws Exception {
        TreeSet<String> survived = new TreeSet<>();
        for (Map.Entry<String, byte[]> hostile : HostileTokenizers.all().entrySet()) {
            Path file = folder.resolve("tokenizer.json");
            Files.write(file, hostile.getValue());
            List<String> command = new ArrayList<>(List.of(
                    "/bin/sh",
                    "-c",
                    "ulimit -v 4000000; exec \"$@\"",
                    "sh",
                    System.getProperty("java.home") + File.separator + "bin" + File.separator + "java",
                    "-Xmx256m",
                    "-XX:-CreateCoredumpOnCrash",
                    "-XX:ErrorFile=/dev/null",
                    "-cp",
                    System.getProperty("java.class.path"),
                    Raw.class.getName(),
                    file.toString()));
            Process process = new ProcessBuilder(command)
                    .redirectErrorStream(true)
                    .redirectOutput(ProcessBuilder.Redirect.DISCARD)
                    .start();
            boolean ended = process.waitFor(60, TimeUnit.SECONDS);
            process.destroyForcibly();
            if (ended && process.exitValue() == 0) survived.add(hostile.getKey());
        }
        // These are only slow (the third and fourth), or end where the program reads what the library gives.
        assertThat(survived)
                .isSubsetOf(
                        "a suffix in bytes",
                        "a strip of both ends",
                        "twenty thousand added tokens",
                        "an added token of 20,000 characters");
    }

    /** Raw opens a file with the library alone, and splits and joins a text. */
    static final class Raw {
        private Raw() {}

        public static void main(String[] args) throws IOException {
            Djl.prepare();
            byte[] json = Files.readAllBytes(Path.of(args[0]));
            try (HuggingFaceTokenizer library =
                    HuggingFaceTokenizer.newInstance(new ByteArrayInputStream(json), Map.of("truncation", "false"))) {
                long[] ids = library.encode("the cat " + "a".repeat(44) + "!", true, false)
                        .getIds();
                library.decode(ids);
                for (long id : ids) library.decode(new long[] {id});
            } catch (RuntimeException e) {
                System.exit(0); // said as an error
            }
        }
    }
}
