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
import java.util.concurrent.CancellationException;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.BooleanSupplier;
import org.llminspector.base.Json;
import org.llminspector.base.Problem;

/** Client of the REST interface; a lesson contains only its answers. What is given up is cancelled at the server too. */
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
    private static final long LOOK_MS = 100;
    static final Duration FOREVER = Duration.ofHours(1);

    private final HttpClient client = HttpClient.newBuilder()
            .version(HttpClient.Version.HTTP_1_1)
            .connectTimeout(Duration.ofSeconds(10))
            .build();
    private final String base;
    private final String token;
    private final BooleanSupplier cancelled;

    /**
     * @param base such as http://127.0.0.1:7070
     * @param token the server's access token, or null
     * @param cancelled looked at while an answer is waited for
     */
    Api(String base, String token, BooleanSupplier cancelled) {
        this.base = base + "/api/v1";
        this.token = token;
        this.cancelled = cancelled;
    }

    /**
     * @param body JSON, or null for GET
     * @param limit the most time that the answer may take
     * @throws TimeoutException when it took longer
     */
    Answer ask(String path, String body, Duration limit) throws TimeoutException {
        return send(path, body == null ? "GET" : "POST", body, "application/json", limit, cancelled);
    }

    /** A tensor's bytes, as safetensors. */
    byte[] bytes(String path) {
        return good(path, patient("GET", path, "application/octet-stream", cancelled))
                .body();
    }

    /** JSON; also after the export was cancelled. */
    byte[] get(String path) {
        return good(path, patient("GET", path, "application/json", () -> false)).body();
    }

    /** Also after the export was cancelled. */
    void delete(String path) {
        patient("DELETE", path, "application/json", () -> false);
    }

    private Answer patient(String method, String path, String accept, BooleanSupplier cancelled) {
        try {
            return send(path, method, null, accept, FOREVER, cancelled);
        } catch (TimeoutException e) {
            throw Problem.of(Problem.Kind.INTERNAL, "the server does not answer")
                    .where(path)
                    .causedBy(e);
        }
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

    private Answer send(
            String path, String method, String body, String accept, Duration limit, BooleanSupplier cancelled)
            throws TimeoutException {
        HttpRequest.Builder request = HttpRequest.newBuilder(URI.create(base + path))
                .header("Accept", accept)
                .method(method, body == null ? BodyPublishers.noBody() : BodyPublishers.ofString(body));
        if (body != null) request.header("Content-Type", "application/json");
        if (token != null) request.header("Authorization", "Bearer " + token);
        long until = System.nanoTime() + limit.toNanos();
        try {
            HttpResponse<byte[]> response = wait(request.build(), until, cancelled);
            // The queue is full: try again later.
            while (response.statusCode() == BUSY) {
                if (System.nanoTime() > until) throw new TimeoutException();
                Thread.sleep(PAUSE_MS);
                response = wait(request.build(), until, cancelled);
            }
            return new Answer(response.statusCode(), response.body());
        } catch (ExecutionException e) {
            throw Problem.of(Problem.Kind.INTERNAL, "the server broke off")
                    .where(path)
                    .causedBy(e.getCause());
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new CancellationException("the export was stopped");
        }
    }

    /** A request that is given up closes its connection, by which the server knows. */
    private HttpResponse<byte[]> wait(HttpRequest request, long until, BooleanSupplier cancelled)
            throws ExecutionException, InterruptedException, TimeoutException {
        CompletableFuture<HttpResponse<byte[]>> answer = client.sendAsync(request, BodyHandlers.ofByteArray());
        try {
            while (true) {
                if (cancelled.getAsBoolean()) throw new CancellationException("the export was stopped");
                try {
                    return answer.get(LOOK_MS, TimeUnit.MILLISECONDS);
                } catch (TimeoutException e) {
                    if (System.nanoTime() > until) throw e;
                }
            }
        } finally {
            answer.cancel(true);
        }
    }
}
