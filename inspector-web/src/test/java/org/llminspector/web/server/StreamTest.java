package org.llminspector.web.server;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.function.BooleanSupplier;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A run tells of itself while it happens, and can be ended from outside. */
class StreamTest {

    private static final int BUSY = 6;
    private static final String LONG = "{\"tokens\":[1,2,3],\"generate\":{\"max_new_tokens\":250,\"ignore_eos\":true}}";

    record Event(String name, JsonNode data) {}

    @TempDir
    static Path folder;

    static LiveServer live;

    @BeforeAll
    static void start() throws IOException {
        live = new LiveServer(folder);
    }

    @AfterAll
    static void stop() {
        live.close();
    }

    /** The next event, or null at the end. */
    private static Event next(BufferedReader lines) throws IOException {
        String name = null;
        for (String line = lines.readLine(); line != null; line = lines.readLine()) {
            if (line.startsWith("event: ")) name = line.substring(7);
            if (line.startsWith("data: ")) return new Event(name, Contract.JSON.readTree(line.substring(6)));
        }
        return null;
    }

    private static BufferedReader lines(InputStream in) {
        return new BufferedReader(new InputStreamReader(in, StandardCharsets.UTF_8));
    }

    private static void within(int seconds, BooleanSupplier condition) throws InterruptedException {
        long until = System.nanoTime() + seconds * 1_000_000_000L;
        while (!condition.getAsBoolean()) {
            assertThat(System.nanoTime())
                    .as("still waiting after " + seconds + " s")
                    .isLessThan(until);
            Thread.sleep(20);
        }
    }

    @Test
    void everyTokenComesAsAnEventAndTheManifestAtTheEnd() throws Exception {
        HttpResponse<InputStream> response = live.stream(
                "{\"prompt\":\"the cat\",\"capture\":[\"logits\"],\"generate\":{\"max_new_tokens\":6,\"ignore_eos\":true}}");
        assertThat(response.statusCode()).isEqualTo(200);
        assertThat(response.headers().firstValue("Content-Type"))
                .hasValueSatisfying(t -> assertThat(t).startsWith("text/event-stream"));
        List<Event> events = new ArrayList<>();
        try (BufferedReader lines = lines(response.body())) {
            for (Event e = next(lines); e != null; e = next(lines)) events.add(e);
        }
        assertThat(events.stream().map(Event::name))
                .containsExactly("started", "prefilled", "token", "token", "token", "token", "token", "token", "done");
        for (Event e : events) {
            String schema =
                    switch (e.name()) {
                        case "started" -> "StartedEvent";
                        case "prefilled" -> "PrefilledEvent";
                        case "token" -> "TokenEvent";
                        default -> "RunManifest";
                    };
            live.contract.validate(
                    "#/components/schemas/" + schema, e.data().toString().getBytes(StandardCharsets.UTF_8), e.name());
        }
        JsonNode done = events.get(8).data();
        assertThat(done.path("id")).isEqualTo(events.get(0).data().path("id"));
        assertThat(done.at("/generation/steps/5/token"))
                .isEqualTo(events.get(7).data().path("token"));
        long early = events.get(2).data().at("/kv_cache/bytes").asLong();
        assertThat(events.get(7).data().at("/kv_cache/bytes").asLong()).isGreaterThan(early);
        assertThat(live.get("/api/v1/runs/" + done.path("id").asText()).json()).isEqualTo(done);
    }

    @Test
    void aRunThatIsRefusedIsAnsweredWithItsStatus() throws Exception {
        HttpResponse<InputStream> response = live.stream("{\"tokens\":[1,999]}");
        assertThat(response.statusCode()).isEqualTo(400);
        assertThat(response.headers().firstValue("Content-Type").orElse("")).startsWith("application/problem+json");
        response.body().close();
    }

    @Test
    void closingTheConnectionCancelsTheRunAndKeepsWhatWasMade() throws Exception {
        BufferedReader lines = lines(live.stream(LONG).body());
        String id = next(lines).data().path("id").asText();
        while (!next(lines).name().equals("token")) {}
        lines.close();
        within(20, () -> live.inspector.queue().running() == 0);
        JsonNode run = live.get("/api/v1/runs/" + id).json();
        assertThat(run.at("/generation/finish_reason").asText()).isEqualTo("cancelled");
        assertThat(run.at("/generation/steps").size()).isBetween(1, 249);
    }

    @Test
    void aRunCanBeCancelledByItsId() throws Exception {
        try (BufferedReader lines = lines(live.stream(LONG).body())) {
            String id = next(lines).data().path("id").asText();
            assertThat(live.post("/api/v1/runs/" + id + "/cancel", "").status()).isEqualTo(202);
            Event last = null;
            for (Event e = next(lines); e != null; e = next(lines)) last = e;
            assertThat(last.name()).isEqualTo("done");
            assertThat(last.data().at("/generation/finish_reason").asText()).isEqualTo("cancelled");
        }
    }

    @Test
    void aRunThatWaitsSaysHowManyAreAheadAndMayLeave() throws Exception {
        // Runs enough to keep the engine busy until a heartbeat finds the one that left gone.
        List<BufferedReader> busy = new ArrayList<>();
        Set<String> kept = new HashSet<>();
        for (int i = 0; i < BUSY; i++) busy.add(lines(live.stream(LONG).body()));
        BufferedReader leaving = lines(live.stream(LONG).body());
        Event queued = next(leaving);
        assertThat(queued.name()).isEqualTo("queued");
        assertThat(queued.data().path("ahead").asInt()).isBetween(1, BUSY);
        leaving.close();
        for (BufferedReader reader : busy) {
            try (reader) {
                Event event = next(reader);
                while (!event.name().equals("started")) event = next(reader);
                kept.add(event.data().path("id").asText());
                while (!event.name().equals("done")) event = next(reader);
            }
        }
        within(
                20,
                () -> live.inspector.queue().running() + live.inspector.queue().waiting() == 0);
        assertThat(kept)
                .hasSize(BUSY)
                .contains(
                        live.get("/api/v1/runs?limit=1").json().at("/runs/0/id").asText());
    }
}
