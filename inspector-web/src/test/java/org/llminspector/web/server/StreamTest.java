package org.llminspector.web.server;

import static org.assertj.core.api.Assertions.assertThat;
import static org.llminspector.web.server.LiveServer.lines;
import static org.llminspector.web.server.LiveServer.next;
import static org.llminspector.web.server.LiveServer.within;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStream;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.llminspector.web.TinyModels;
import org.llminspector.web.server.LiveServer.Event;

/** The events of a run, and its cancellation from outside. */
class StreamTest extends LiveTest {

    private static final String LONG = "{\"tokens\":[1,2,3],\"generate\":{\"max_new_tokens\":250,\"ignore_eos\":true}}";

    /** A run on a model with a context so long that it still runs when its reader's disconnect is noticed. */
    private static final String ENDLESS =
            "{\"model\":\"endless\",\"tokens\":[1,2,3],\"generate\":{\"max_new_tokens\":30000,\"ignore_eos\":true}}";

    @BeforeAll
    static void addModel() throws IOException {
        TinyModels.endless(folder.resolve("models"));
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
                .containsExactly(
                        "queued", "started", "prefilled", "token", "token", "token", "token", "token", "token", "done");
        for (Event e : events) {
            String schema =
                    switch (e.name()) {
                        case "queued" -> "QueuedEvent";
                        case "started" -> "StartedEvent";
                        case "prefilled" -> "PrefilledEvent";
                        case "token" -> "TokenEvent";
                        default -> "RunManifest";
                    };
            live.contract.validate(
                    "#/components/schemas/" + schema, e.data().toString().getBytes(StandardCharsets.UTF_8), e.name());
        }
        JsonNode done = events.get(9).data();
        assertThat(events.get(0).data().path("ahead").asInt()).isZero();
        assertThat(done.path("id"))
                .isEqualTo(events.get(0).data().path("id"))
                .isEqualTo(events.get(1).data().path("id"));
        assertThat(done.at("/generation/steps/5/token"))
                .isEqualTo(events.get(8).data().path("token"));
        long early = events.get(3).data().at("/kv_cache/bytes").asLong();
        assertThat(events.get(8).data().at("/kv_cache/bytes").asLong()).isGreaterThan(early);
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
        BufferedReader lines = lines(live.stream(ENDLESS).body());
        String id = next(lines).data().path("id").asText();
        while (!next(lines).name().equals("token")) {}
        lines.close();
        within(60, () -> live.inspector.queue().status().running() == 0);
        JsonNode run = live.get("/api/v1/runs/" + id).json();
        assertThat(run.at("/generation/finish_reason").asText()).isEqualTo("cancelled");
        assertThat(run.at("/generation/steps").size()).isBetween(1, 29_999);
    }

    @Test
    void aRunCanBeCancelledByItsId() throws Exception {
        try (BufferedReader lines = lines(live.stream(ENDLESS).body())) {
            Event last = next(lines);
            while (!last.name().equals("started")) last = next(lines);
            String id = last.data().path("id").asText();
            assertThat(live.post("/api/v1/runs/" + id + "/cancel", "").status()).isEqualTo(202);
            for (Event e = last; e != null; e = next(lines)) last = e;
            assertThat(last.name()).isEqualTo("done");
            assertThat(last.data().at("/generation/finish_reason").asText()).isEqualTo("cancelled");
        }
    }

    @Test
    void aRunThatWaitsSaysHowManyAreAheadAndMayLeave() throws Exception {
        try (Holder holder = new Holder(live);
                BufferedReader lines = lines(live.stream(LONG).body())) {
            Event queued = next(lines);
            assertThat(queued.data().path("ahead").asInt()).isEqualTo(1);
            double answered = streamsAnswered();
            lines.close();
            within(60, () -> streamsAnswered() > answered); // a heartbeat found it gone
            holder.close();
            isNotKept(queued);
        }
    }

    @Test
    void aRunThatWaitsCanBeCancelledByItsId() throws Exception {
        try (Holder holder = new Holder(live);
                BufferedReader lines = lines(live.stream(LONG).body())) {
            Event queued = next(lines);
            String id = queued.data().path("id").asText();
            assertThat(live.post("/api/v1/runs/" + id + "/cancel", "").status()).isEqualTo(202);
            holder.close();
            Event last = next(lines);
            assertThat(last.name()).isEqualTo("error");
            assertThat(last.data().path("status").asInt()).isEqualTo(409);
            assertThat(next(lines)).isNull();
            isNotKept(queued);
        }
    }

    private static void isNotKept(Event queued) throws InterruptedException {
        within(
                60,
                () -> live.inspector.queue().status().running()
                                + live.inspector.queue().status().waiting()
                        == 0);
        live.get("/api/v1/runs/" + queued.data().path("id").asText()).problem(404);
    }

    private static double streamsAnswered() {
        return live.get("/metrics")
                .text()
                .lines()
                .filter(l -> l.startsWith(
                        "http_server_requests_seconds_count{method=\"POST\",route=\"/api/v1/runs\",status=\"200\"}"))
                .mapToDouble(l -> Double.parseDouble(l.substring(l.lastIndexOf(' '))))
                .sum();
    }
}
