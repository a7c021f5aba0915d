package org.llminspector.web.lesson;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import org.llminspector.base.Json;
import org.llminspector.base.Problem;

/** Client of the REST interface; a lesson contains only its answers. */
final class Api {

    /** A server's answer: its status, and the bytes of the body or problem. */
    record Answer(int status, byte[] body) {
        boolean good() {
            return status / 100 == 2;
        }

        String text() {
            return new String(body, StandardCharsets.UTF_8);
        }
    }

    private static final int BUSY = 429;
    private static final long PAUSE_MS = 500;
    /** Half an hour of retries while the queue is full. */
    private static final int TRIES = 3600;

    private final HttpClient client = HttpClient.newBuilder()
            .version(HttpClient.Version.HTTP_1_1)
            .connectTimeout(Duration.ofSeconds(10))
            .build();
    private final String base;
    private final String token;

    /**
     * @param base such as http://127.0.0.1:7070
     * @param token the server's access token, or null
     */
    Api(String base, String token) {
        this.base = base + "/api/v1";
        this.token = token;
    }

    /** @param body JSON, or null for GET */
    Answer ask(String path, String body) {
        return send(path, body == null ? "GET" : "POST", body, "application/json");
    }

    /** A tensor's bytes, as safetensors. */
    byte[] bytes(String path) {
        return good(path, send(path, "GET", null, "application/octet-stream")).body();
    }

    void delete(String path) {
        send(path, "DELETE", null, "application/json");
    }

    static JsonNode tree(byte[] json) {
        try {
            return Json.mapper().readTree(json);
        } catch (IOException e) {
            throw new IllegalStateException("a server of ours answered with something else than JSON", e);
        }
    }

    private static Answer good(String path, Answer answer) {
        if (answer.good()) return answer;
        throw problem(path, tree(answer.body()));
    }

    /** The server's problem+json as a Problem. */
    static Problem problem(String path, JsonNode said) {
        int status = said.path("status").asInt(400);
        Problem.Kind kind = Problem.Kind.INVALID;
        for (Problem.Kind k : Problem.Kind.values()) if (k.httpStatus() == status) kind = k;
        return Problem.of(kind, text(said, "what") == null ? said.path("title").asText() : text(said, "what"))
                .where(text(said, "where") == null ? path : text(said, "where"))
                .expected(text(said, "expected"))
                .found(text(said, "found"))
                .instead(text(said, "instead"));
    }

    private static String text(JsonNode said, String field) {
        return said.hasNonNull(field) ? said.get(field).asText() : null;
    }

    private Answer send(String path, String method, String body, String accept) {
        HttpRequest.Builder request = HttpRequest.newBuilder(URI.create(base + path))
                .header("Accept", accept)
                .method(method, body == null ? BodyPublishers.noBody() : BodyPublishers.ofString(body));
        if (body != null) request.header("Content-Type", "application/json");
        if (token != null) request.header("Authorization", "Bearer " + token);
        try {
            HttpResponse<byte[]> response = client.send(request.build(), BodyHandlers.ofByteArray());
            // The queue is full: try again later.
            for (int i = 0; response.statusCode() == BUSY && i < TRIES; i++) {
                Thread.sleep(PAUSE_MS);
                response = client.send(request.build(), BodyHandlers.ofByteArray());
            }
            return new Answer(response.statusCode(), response.body());
        } catch (IOException e) {
            throw Problem.of(Problem.Kind.INTERNAL, "the server broke off")
                    .where(path)
                    .causedBy(e);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw Problem.of(Problem.Kind.CONFLICT, "the export was stopped").causedBy(e);
        }
    }
}
