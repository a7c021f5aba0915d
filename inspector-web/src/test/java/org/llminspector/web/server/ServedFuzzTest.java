package org.llminspector.web.server;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.List;
import java.util.stream.Stream;
import net.jqwik.api.lifecycle.AfterContainer;
import net.jqwik.api.lifecycle.BeforeContainer;
import org.llminspector.base.Problem;
import org.llminspector.checkpoint.FuzzTest;

/**
 * ServedFuzzTest puts mutants of one file into a model's folder, each into its own, and uses the model through one running
 * server: every answer is right or a problem that names the folder, and the server lives.
 */
abstract class ServedFuzzTest extends FuzzTest {

    private static final Path RESOURCES = Path.of("../inspector-core/src/test/resources");

    private static Path scratch;
    private static LiveServer live;
    private static int count;

    @BeforeContainer
    static void start() throws IOException {
        scratch = Files.createTempDirectory("served");
        live = new LiveServer(scratch);
    }

    @AfterContainer
    static void stop() throws IOException {
        live.close();
        delete(scratch);
    }

    /** The folder's files, from the tests' resources. */
    protected abstract List<String> files();

    /** Uses the model; {@link #ask} classifies the answers. */
    protected abstract void use(String slug);

    static byte[] resource(String path) {
        try {
            return Files.readAllBytes(RESOURCES.resolve(path));
        } catch (IOException e) {
            throw new IllegalStateException(e);
        }
    }

    @Override
    protected int mutants() {
        return LONG ? 5_000 : few();
    }

    /** How many without -Plong. */
    protected int few() {
        return 300;
    }

    /** Where a refusal was found: in the folder, or in what was asked of it. */
    @Override
    protected String named() {
        return "";
    }

    /** The mutant is a file of this name. */
    protected abstract String mutated();

    @Override
    protected void open(byte[] mutant) throws IOException {
        String slug = "mutant-" + count++;
        Path folder = Files.createDirectories(scratch.resolve("models").resolve(slug));
        try {
            for (String f : files())
                Files.copy(RESOURCES.resolve(f), folder.resolve(Path.of(f).getFileName()));
            Files.write(folder.resolve(mutated()), mutant);
            if (count % 25 == 0) {
                for (JsonNode m : ask("GET", "/api/v1/models", null).path("models")) {
                    if (m.path("slug").asText().equals("tiny"))
                        assertThat(m.has("trouble")).isFalse();
                }
            }
            use(slug);
        } finally {
            delete(folder);
        }
    }

    /** The answer of a request that succeeded; a refusal is thrown, and anything else is a failure of the test. */
    static JsonNode ask(String method, String path, String body) {
        LiveServer.Answer answer = live.send(method, path, body);
        if (answer.status() < 300) return answer.json();
        assertThat(answer.status()).as(answer.text()).isBetween(400, 499);
        JsonNode problem = answer.problem(answer.status());
        throw Problem.of(kind(answer.status()), problem.path("detail").asText())
                .where(problem.path("where").asText());
    }

    private static Problem.Kind kind(int status) {
        return Stream.of(Problem.Kind.values())
                .filter(k -> k.httpStatus() == status)
                .findFirst()
                .orElseThrow();
    }

    private static void delete(Path folder) throws IOException {
        try (Stream<Path> all = Files.walk(folder)) {
            for (Path p : all.sorted(Comparator.reverseOrder()).toList()) Files.deleteIfExists(p);
        }
    }
}
