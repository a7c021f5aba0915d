package org.llminspector.web;

import java.io.IOException;
import java.io.PrintWriter;
import java.io.Writer;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.llminspector.run.Inspector;
import org.llminspector.run.InspectorConfig;
import org.llminspector.web.cli.InspectorCommand;
import org.llminspector.web.server.Server;

/**
 * A short server run that loads the classes a start needs. scripts/inspector starts the JVM with
 * -XX:ArchiveClassesAtExit, which writes them to a class archive. Opens no model and writes nothing else.
 */
public final class ArchiveTrainingRun {

    private ArchiveTrainingRun() {}

    public static void main(String[] args) throws IOException, InterruptedException {
        PrintWriter nowhere = new PrintWriter(Writer.nullWriter());
        InspectorCommand.run(nowhere, nowhere, "--version");
        InspectorCommand.run(nowhere, nowhere, "serve", "--help");
        Path scratch = Files.createTempDirectory("inspector-warm");
        try {
            InspectorConfig config = new InspectorConfig(
                    List.of(scratch.resolve("models")),
                    null,
                    scratch.resolve("runs"),
                    1L << 20,
                    1L << 20,
                    InspectorConfig.standardMemory(),
                    1,
                    scratch.resolve("trained"),
                    Map.of());
            try (Inspector inspector = Inspector.open(config);
                    Server server = Server.start(inspector, new Server.Config("127.0.0.1", 0, null))) {
                HttpClient client = HttpClient.newHttpClient();
                for (String path : List.of("/api/v1/health", "/api/v1/models", "/api/v1/runs", "/")) {
                    URI address = URI.create("http://127.0.0.1:" + server.port() + path);
                    client.send(HttpRequest.newBuilder(address).build(), BodyHandlers.discarding());
                }
            }
        } finally {
            try (Stream<Path> all = Files.walk(scratch)) {
                for (Path p : all.sorted(Comparator.reverseOrder()).toList()) Files.deleteIfExists(p);
            }
        }
        System.exit(0);
    }
}
