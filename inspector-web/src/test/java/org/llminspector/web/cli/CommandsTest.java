package org.llminspector.web.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.llminspector.base.Json;
import picocli.CommandLine;

/** The command line: help, what stops it, and the exit codes. */
class CommandsTest extends CommandTest {

    @Test
    void helpIsWorthReading() {
        Ended help = inspector("--help");
        assertThat(help.code()).isZero();
        assertThat(help.out()).contains("serve", "run", "models", "hooks", "compare", "Exit codes", "Examples");
        assertThat(inspector().out()).isEqualTo(help.out());
        for (String c : List.of("serve", "run", "models", "hooks", "compare")) {
            assertThat(inspector(c, "--help").out())
                    .contains("Usage: inspector " + c)
                    .contains("--model");
        }
        assertThat(inspector("--version").out()).contains("LLM Inspector");
    }

    /** picocli formats what it prints: of a lone % it warns on the process' standard error. */
    @Test
    void everyHelpIsPrintedWithoutAWarning() {
        PrintStream before = System.err;
        ByteArrayOutputStream warned = new ByteArrayOutputStream();
        System.setErr(new PrintStream(warned, true, StandardCharsets.UTF_8));
        try {
            help(new CommandLine(new InspectorCommand()));
        } finally {
            System.setErr(before);
        }
        assertThat(warned.toString(StandardCharsets.UTF_8)).isEmpty();
    }

    private static void help(CommandLine command) {
        assertThat(command.getUsageMessage()).contains("Usage: ");
        command.getSubcommands().values().forEach(CommandsTest::help);
    }

    /** Here a file stands where the folder of runs would be made, which also stops root. */
    @Test
    void aHomeThatCannotBeWrittenToStopsNoQuestionAboutModels() throws IOException {
        Path home = Files.writeString(folder.resolve("home"), "no folder").resolve("runs");
        String[] where = {"--model-root", models.toString(), "--runs-dir", home.toString()};
        Ended listed = inspector("models", where[0], where[1], where[2], where[3]);
        assertThat(listed.code()).as(listed.err()).isZero();
        assertThat(listed.out()).contains("tiny", models.resolve("tiny").toString());
        Ended run = inspector("run", where[0], where[1], where[2], where[3], "--prompt", "a");
        assertThat(run.code()).isEqualTo(9);
    }

    @Test
    void noLockStaysBehind() throws IOException {
        Path runs = folder.resolve("locks/runs");
        Ended run = inspector(
                "run",
                "--model-root",
                models.toString(),
                "--model",
                "tiny",
                "--runs-dir",
                runs.toString(),
                "--prompt",
                "a");
        assertThat(run.code()).as(run.err()).isZero();
        try (var all = Files.walk(runs)) {
            assertThat(all.map(p -> p.getFileName().toString())).noneMatch(n -> n.endsWith(".lock"));
        }
        if (!runs.getFileSystem().supportedFileAttributeViews().contains("posix")) return;
        try (var all = Files.walk(runs)) {
            for (Path dir : all.filter(Files::isDirectory).toList()) {
                assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(dir)))
                        .as(dir.toString())
                        .isEqualTo("rwx------");
            }
        }
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', textBlock = """
                    --tokens 1 --model /no/such/folder               | 3 | does not exist
                    --tokens 1 --model nothing                       | 3 | no such model
                    --tokens 1,320 --model tiny                      | 2 | 0 to 319
                    --tokens 1,x --model tiny                        | 2 | 'x'
                    --model tiny                                     | 2 | --prompt
                    --tokens 1 --prompt x --model tiny               | 2 | mutually exclusive
                    --message user=x --prompt x --model tiny         | 2 | mutually exclusive
                    --system x --model tiny                          | 2 | --message
                    --system x --prompt y --model tiny               | 2 | conversation
                    --message hello --model tiny                     | 2 | ROLE=TEXT
                    --message user=x --model bare                    | 6 | chat template
                    --tokens 1 --model tiny --capture blocks.1.hook  | 2 | closest
                    --tokens 1 --model tiny --capture hook_pos_embed | 6 | RoPE
                    --prompt hello --model bare                      | 6 | tokens
                    --tokens 1 --model tiny --engine warp            | 6 | torch
                    --tokens 1 --model tiny --precision int3         | 2 | fp32, fp16, bf16
                    --tokens 1 --model tiny --precision bf16         | 6 | instead
                    --tokens 1 --model tiny --out x.safetensors      | 2 | --capture
                    --tokens 1 --model tiny --intervene {            | 2 | line 1
                    --tokens 1 --model tiny --intervene {"hok":1}    | 2 | no such field
                    --tokens 1 --model tiny --intervene @nofile      | 3 | nofile
                    --tokens 1 --model tiny --temperature -1         | 2 | temperature
                    --tokens 1 --model tiny --capture * --capture-budget 1k   | 5 | at most
                    --tokens 1 --model tiny --capture-budget lots    | 2 | 512MiB
                    --tokens 1 --model tiny --bogus                  | 2 | --bogus
                    """)
    void aWrongArgumentIsAFewPlainLinesAndAnExitCode(String args, int code, String says) {
        Ended run = command("run", args.split(" +", -1));
        assertThat(run.code()).as(run.err()).isEqualTo(code);
        assertThat(run.err()).startsWith("inspector: ").contains(says);
        assertThat(run.err().lines().count()).isLessThan(9);
        assertThat(run.out()).isEmpty();
    }

    @Test
    void aServerStartsAndStopsWhenTold() throws Exception {
        Path log = folder.resolve("serve.log");
        Process server = new ProcessBuilder(
                        Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                        "-cp",
                        System.getProperty("java.class.path"),
                        "org.llminspector.web.Main",
                        "serve",
                        "--port",
                        "0",
                        "--models",
                        models.toString(),
                        "--model",
                        "tiny",
                        "--runs-dir",
                        folder.resolve("serve-runs").toString())
                .redirectErrorStream(true)
                .redirectOutput(log.toFile())
                .start();
        try {
            for (int i = 0; i < 600 && !Files.readString(log).contains("is open"); i++) Thread.sleep(100);
            String said = Files.readString(log);
            assertThat(said)
                    .contains("LLM Inspector is at http://localhost:")
                    .contains("tiny is open: torch fp32 on cpu");
            java.net.URI runs =
                    java.net.URI.create(said.replaceAll("(?s).*(http://localhost:[0-9]+/).*", "$1") + "api/v1/runs");
            var client = java.net.http.HttpClient.newHttpClient();
            var answer = client.sendAsync(
                    java.net.http.HttpRequest.newBuilder(runs)
                            .POST(java.net.http.HttpRequest.BodyPublishers.ofString(
                                    "{\"tokens\":[1],\"generate\":{\"max_new_tokens\":255,\"ignore_eos\":true}}"))
                            .build(),
                    java.net.http.HttpResponse.BodyHandlers.ofString());
            var health =
                    java.net.http.HttpRequest.newBuilder(runs.resolve("health")).build();
            var text = java.net.http.HttpResponse.BodyHandlers.ofString();
            assertThat(Json.mapper()
                            .readTree(client.send(health, text).body())
                            .path("default_model")
                            .asText())
                    .isEqualTo("tiny");
            // A run that still waits when the server stops is refused instead.
            while (!answer.isDone()
                    && Json.mapper()
                                    .readTree(client.send(health, text).body())
                                    .at("/queue/running")
                                    .asInt()
                            == 0) {
                Thread.sleep(20);
            }
            Thread.sleep(300);
            server.destroy();
            assertThat(server.waitFor(30, java.util.concurrent.TimeUnit.SECONDS))
                    .isTrue();
            // The answer went out, whether the run was cut or had just finished, and the run was kept.
            assertThat(answer.join().statusCode()).isEqualTo(201);
            try (Stream<Path> kept = Files.list(folder.resolve("serve-runs"))) {
                assertThat(kept.filter(p -> p.getFileName().toString().matches("[0-9].*")))
                        .hasSize(1);
            }
        } finally {
            server.destroyForcibly();
        }
    }
}
