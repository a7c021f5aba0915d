package org.llminspector;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/** Words that identifiers, comments, messages and openapi.yaml do not use, each with the field's own word. */
class WordsTest {

    private static final Map<String, String> BANNED = new TreeMap<>(Map.ofEntries(
            Map.entry("twins?", "paired run, side of a comparison"),
            Map.entry("exams?", "evaluation"),
            Map.entry("trials?", "sandboxed probe"),
            Map.entry("glances?", "model summary"),
            Map.entry("tapped", "hooked"),
            Map.entry("fast form", "fused form"),
            Map.entry("rereadings?", "replay, recapture"),
            Map.entry("nobody|somebody|whoever", "name who or what"),
            Map.entry("so many", "the number's name"),
            Map.entry(
                    "(tokens|bytes|bits|nats|numbers|products|flops|milliseconds|ms) an? (token|second|byte|weight|code|layer)",
                    "per token, per second"),
            Map.entry("what of it", "say of what")));

    /** What the tales say: their words are a child's. */
    private static final Path TALES = Path.of("org", "llminspector", "tales", "plot");

    @Test
    void noneOfThemIsInTheSources() throws IOException {
        List<Path> files = new ArrayList<>();
        for (String module : List.of("core", "tales", "web", "spark")) {
            try (Stream<Path> found = Files.walk(Path.of("../inspector-" + module + "/src/main"))) {
                found.filter(f -> f.toString().matches(".*\\.(java|yaml)")).forEach(files::add);
            }
        }
        assertThat(files).hasSizeGreaterThan(500);
        List<String> wrong = new ArrayList<>();
        for (Path file : files) {
            String text = Files.readString(file);
            if (file.getParent().endsWith(TALES)) text = text.replaceAll("\"(\\\\.|[^\"\\\\\n])*\"", "\"\"");
            for (String word : banned(text)) wrong.add(file + ": " + word);
        }
        assertThat(wrong).isEmpty();
    }

    /** A class that a document names with its package is there. */
    @Test
    void documentsNameClassesThatExist() throws IOException {
        Pattern named = Pattern.compile("(?<![\\w/.])((?:[a-z]\\w*\\.)+[A-Z][a-z]\\w*)");
        List<String> missing = new ArrayList<>();
        int seen = 0;
        for (String document : List.of("ARCHITECTURE.md", "CONTRIBUTING.md", "docs/glossary.md")) {
            Matcher m = named.matcher(Files.readString(Path.of("..", document)));
            while (m.find()) {
                if (m.group(1).matches("(java|io|org|com|ai)\\..*")) continue;
                seen++;
                String path = "src/main/java/org/llminspector/" + m.group(1).replace('.', '/') + ".java";
                boolean exists = Stream.of("core", "tales", "web", "spark")
                        .anyMatch(module -> Files.isRegularFile(Path.of("../inspector-" + module, path)));
                if (!exists) missing.add(document + ": " + m.group(1));
            }
        }
        assertThat(seen).isGreaterThan(40);
        assertThat(missing).isEmpty();
    }

    @Test
    void theyAreFoundInIdentifiersAndOverLineEnds() {
        assertThat(banned("ExamReport twinRun")).hasSize(2);
        assertThat(banned("at most so\n     * many tokens")).hasSize(1);
        assertThat(banned("\"%.1f bits a weight\"")).hasSize(1);
        assertThat(banned("for example, a trialling of Tappedness")).isEmpty();
    }

    private static List<String> banned(String text) {
        String words = text.replaceAll("([a-z0-9])([A-Z])", "$1 $2")
                .replaceAll("[\\s_*/]+", " ")
                .toLowerCase(java.util.Locale.ROOT);
        List<String> found = new ArrayList<>();
        BANNED.forEach((word, better) -> {
            Matcher m = Pattern.compile("\\b(" + word + ")\\b").matcher(words);
            if (m.find()) found.add(m.group() + ", better: " + better);
        });
        return found;
    }
}
