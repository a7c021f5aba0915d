package org.llminspector.web.server;

import static org.assertj.core.api.Assertions.assertThat;
import static org.llminspector.web.server.LiveServer.within;

import java.net.URI;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Many runs at once: some run, the rest are refused for now, none is lost, and the server stays quick. */
class QueueTest {

    @TempDir
    Path folder;

    /** The engine is blocked until every run without a place in the queue has been refused. */
    @Test
    void twoHundredRunsAtOnce() throws Exception {
        try (LiveServer live = new LiveServer(folder, 4, "127.0.0.1", null);
                Holder holder = new Holder(live)) {
            String body = "{\"tokens\":[1,2,3],\"generate\":{\"max_new_tokens\":20,\"ignore_eos\":true}}";
            HttpRequest request = HttpRequest.newBuilder(URI.create(live.base + "/api/v1/runs"))
                    .POST(HttpRequest.BodyPublishers.ofString(body))
                    .build();
            List<CompletableFuture<HttpResponse<String>>> all = IntStream.range(0, 200)
                    .mapToObj(i -> live.client().sendAsync(request, HttpResponse.BodyHandlers.ofString()))
                    .toList();
            assertThat(live.get("/api/v1/health").status()).isEqualTo(200);
            within(120, () -> all.stream().filter(CompletableFuture::isDone).count() == 197);
            assertThat(live.inspector.queue().status().waiting()).isEqualTo(3);
            assertThat(live.get("/api/v1/models").status()).isEqualTo(200);
            holder.close();
            Map<Integer, List<HttpResponse<String>>> byStatus =
                    all.stream().map(CompletableFuture::join).collect(Collectors.groupingBy(HttpResponse::statusCode));
            assertThat(byStatus.keySet()).containsExactlyInAnyOrder(201, 429);
            assertThat(byStatus.get(201)).hasSize(3);
            assertThat(byStatus.get(429)).allSatisfy(r -> {
                assertThat(r.headers().firstValue("Retry-After")).isPresent();
                assertThat(r.headers().firstValue("Content-Type")).hasValue("application/problem+json");
                assertThat(r.body()).contains("at most 4 runs");
            });
            int kept = live.get("/api/v1/runs?limit=1000").json().path("runs").size();
            assertThat(kept).isEqualTo(4);
            String metrics = live.get("/metrics").text();
            assertThat(metrics)
                    .contains("llm_inspector_runs_total{outcome=\"finished\"} 3.0")
                    .contains("llm_inspector_runs_total{outcome=\"refused\"} 197.0")
                    .contains("llm_inspector_tokens_generated_total 60.0")
                    .contains("llm_inspector_queue_capacity 4.0")
                    .contains("llm_inspector_queue_size{state=\"waiting\"} 0.0")
                    .contains(
                            "http_server_requests_seconds_count{method=\"POST\",route=\"/api/v1/runs\",status=\"429\"}")
                    .contains("jvm_memory_used_bytes");
        }
    }
}
