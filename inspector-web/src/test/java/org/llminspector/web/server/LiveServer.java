package org.llminspector.web.server;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.net.InetAddress;
import java.net.Socket;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.function.BooleanSupplier;
import org.llminspector.run.Inspector;
import org.llminspector.run.InspectorConfig;
import org.llminspector.web.TinyModels;

/** A real server on a free port with tiny real models; every answer is checked against the contract. */
final class LiveServer implements AutoCloseable {

    static final String TOKENS = "{\"tokens\":[1,2,3]}";

    /** One answer. */
    record Answer(HttpResponse<byte[]> response) {
        int status() {
            return response.statusCode();
        }

        String header(String name) {
            return response.headers().firstValue(name).orElse(null);
        }

        byte[] bytes() {
            return response.body();
        }

        String text() {
            return new String(response.body(), StandardCharsets.UTF_8);
        }

        JsonNode json() {
            try {
                return Contract.JSON.readTree(response.body());
            } catch (IOException e) {
                throw new AssertionError(text(), e);
            }
        }

        /** The answer is a problem of this status. */
        JsonNode problem(int status) {
            assertThat(status()).as(text()).isEqualTo(status);
            assertThat(header("Content-Type")).startsWith("application/problem+json");
            assertThat(text()).doesNotContain("Exception").doesNotContain("org.llminspector");
            return json();
        }
    }

    final Contract contract = new Contract();
    final Inspector inspector;
    final Server server;
    final String base;
    /** The folder whose files sweeps may read. */
    final Path corpora;

    private final HttpClient client = HttpClient.newHttpClient();

    LiveServer(Path folder) throws IOException {
        this(folder, 16, "127.0.0.1", null);
    }

    LiveServer(Path folder, int queue, String host, String token) throws IOException {
        this(folder, queue, host, token, System.getenv());
    }

    /** @param environment where the hub and its cache are */
    LiveServer(Path folder, int queue, String host, String token, Map<String, String> environment) throws IOException {
        Path models = TinyModels.in(folder);
        corpora = folder.resolve("corpora");
        inspector = Inspector.open(new InspectorConfig(
                List.of(models),
                models.resolve("tiny"),
                folder.resolve("runs"),
                1L << 30,
                8L << 20,
                InspectorConfig.standardMemory(),
                queue,
                folder.resolve("trained"),
                environment));
        server = Server.start(inspector, new Server.Config(host, 0, token));
        base = "http://127.0.0.1:" + server.port();
    }

    Answer get(String path, String... headers) {
        return send("GET", path, null, headers);
    }

    Answer post(String path, String body, String... headers) {
        return send("POST", path, body, headers);
    }

    Answer send(String method, String path, String body, String... headers) {
        HttpRequest.Builder request = HttpRequest.newBuilder(URI.create(base + path))
                .method(
                        method,
                        body == null ? HttpRequest.BodyPublishers.noBody() : HttpRequest.BodyPublishers.ofString(body));
        if (headers.length > 0) request.headers(headers);
        try {
            HttpResponse<byte[]> response = client.send(request.build(), HttpResponse.BodyHandlers.ofByteArray());
            contract.check(
                    method,
                    URI.create(base + path).getPath(),
                    response.statusCode(),
                    response.headers().firstValue("Content-Type").orElse(null),
                    response.body());
            return new Answer(response);
        } catch (IOException e) {
            throw new AssertionError(method + " " + path, e);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new AssertionError(e);
        }
    }

    /** A finished run's id. */
    String run(String body) {
        Answer answer = post("/api/v1/runs", body);
        assertThat(answer.status()).as(answer.text()).isEqualTo(201);
        return answer.json().path("id").asText();
    }

    HttpResponse<InputStream> stream(String body) throws IOException, InterruptedException {
        return stream("/api/v1/runs", body);
    }

    HttpResponse<InputStream> stream(String path, String body) throws IOException, InterruptedException {
        return client.send(
                HttpRequest.newBuilder(URI.create(base + path))
                        .header("Accept", "text/event-stream")
                        .POST(HttpRequest.BodyPublishers.ofString(body))
                        .build(),
                HttpResponse.BodyHandlers.ofInputStream());
    }

    /** One event of a stream. */
    record Event(String name, JsonNode data) {}

    /** The next event, or null at the end. */
    static Event next(BufferedReader lines) throws IOException {
        String name = null;
        for (String line = lines.readLine(); line != null; line = lines.readLine()) {
            if (line.startsWith("event: ")) name = line.substring(7);
            if (line.startsWith("data: ")) return new Event(name, Contract.JSON.readTree(line.substring(6)));
        }
        return null;
    }

    static BufferedReader lines(InputStream in) {
        return new BufferedReader(new InputStreamReader(in, StandardCharsets.UTF_8));
    }

    /** Waits for something that comes sooner or later; the limit is only for what never comes. */
    static void within(int seconds, BooleanSupplier condition) throws InterruptedException {
        long until = System.nanoTime() + seconds * 1_000_000_000L;
        while (!condition.getAsBoolean()) {
            assertThat(System.nanoTime())
                    .as("still waiting after " + seconds + " s")
                    .isLessThan(until);
            Thread.sleep(20);
        }
    }

    HttpClient client() {
        return client;
    }

    /** The whole answer to a request written by hand. */
    String raw(String request) throws IOException {
        try (Socket socket = new Socket(InetAddress.getLoopbackAddress(), server.port())) {
            socket.getOutputStream().write(request.replace("\n", "\r\n").getBytes(StandardCharsets.UTF_8));
            return new String(socket.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        }
    }

    @Override
    public void close() {
        server.close();
        inspector.close();
    }
}
