package org.llminspector.web.cli;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.io.TempDir;
import org.llminspector.base.Json;
import org.llminspector.web.TinyModels;

/** A test of the command line with the tiny models and runs of its own. */
abstract class CommandTest {

    record Ended(int code, String out, String err) {}

    @TempDir
    static Path folder;

    static Path models;

    @BeforeAll
    static void models() throws IOException {
        models = TinyModels.in(folder);
    }

    static Ended inspector(String... args) {
        StringWriter out = new StringWriter();
        StringWriter err = new StringWriter();
        int code = InspectorCommand.run(new PrintWriter(out), new PrintWriter(err), args);
        assertThat(err.toString()).doesNotContain("\tat ");
        return new Ended(code, out.toString(), err.toString());
    }

    /** A command with the tests' places after its own arguments. */
    static Ended command(String command, String... args) {
        List<String> all = new ArrayList<>(List.of(command));
        all.addAll(List.of(args));
        all.addAll(List.of(
                "--model-root",
                models.toString(),
                "--runs-dir",
                folder.resolve("runs").toString()));
        return inspector(all.toArray(String[]::new));
    }

    static JsonNode tree(String json) {
        try {
            return Json.mapper().readTree(json);
        } catch (com.fasterxml.jackson.core.JsonProcessingException e) {
            throw new AssertionError(json, e);
        }
    }
}
