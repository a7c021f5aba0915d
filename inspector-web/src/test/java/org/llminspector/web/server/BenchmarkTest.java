package org.llminspector.web.server;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.net.URI;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

/** A benchmark over HTTP: its events, and its end. */
class BenchmarkTest extends LiveTest {

    @Test
    void itTellsOfEachLengthAsItComes() throws Exception {
        List<String> events = new ArrayList<>();
        try (BufferedReader lines =
                stream("{\"request\":{\"prompt\":\"the cat\"},\"contexts\":[4,8],\"new_tokens\":2}")) {
            for (String line = lines.readLine(); line != null; line = lines.readLine()) {
                if (line.startsWith("event: ")) events.add(line.substring(7));
                if (!line.startsWith("data: ")) continue;
                String schema =
                        switch (events.get(events.size() - 1)) {
                            case "measured" -> "BenchmarkMeasured";
                            case "done" -> "Benchmark";
                            default -> null;
                        };
                if (schema == null) continue;
                byte[] data = line.substring(6).getBytes(StandardCharsets.UTF_8);
                live.contract.validate("#/components/schemas/" + schema, data, schema);
            }
        }
        assertThat(events).startsWith("queued").containsSubsequence("measured", "measured", "done");
    }

    @Test
    void itCanBeCancelled() throws Exception {
        String much = "{\"request\":{\"prompt\":\"the cat\"},\"contexts\":[1,2,3,4,5,6,7,8,9,10],\"new_tokens\":64}";
        String last = null;
        int measured = 0;
        try (BufferedReader lines = stream(much)) {
            String id = null;
            for (String line = lines.readLine(); line != null; line = lines.readLine()) {
                if (line.startsWith("event: ")) last = line.substring(7);
                if ("measured".equals(last) && line.startsWith("event: ")) measured++;
                if (id != null || !line.startsWith("data: ")) continue;
                JsonNode first = Contract.JSON.readTree(line.substring(6).getBytes(StandardCharsets.UTF_8));
                id = first.path("id").asText();
                assertThat(live.post("/api/v1/benchmarks/" + id + "/cancel", "").status())
                        .isEqualTo(202);
            }
        }
        assertThat(last).isEqualTo("error");
        assertThat(measured).isLessThan(10);
    }

    private static BufferedReader stream(String body) throws IOException, InterruptedException {
        HttpResponse<InputStream> answer = live.client()
                .send(
                        HttpRequest.newBuilder(URI.create(live.base + "/api/v1/benchmarks"))
                                .header("Accept", "text/event-stream")
                                .POST(HttpRequest.BodyPublishers.ofString(body))
                                .build(),
                        HttpResponse.BodyHandlers.ofInputStream());
        return new BufferedReader(new InputStreamReader(answer.body(), StandardCharsets.UTF_8));
    }
}
