package org.llminspector.web.server;

import static org.assertj.core.api.Assertions.assertThat;
import static org.llminspector.web.server.LiveServer.lines;
import static org.llminspector.web.server.LiveServer.next;
import static org.llminspector.web.server.LiveServer.within;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.llminspector.hub.TestHub;
import org.llminspector.hub.TestHub.Fault;
import org.llminspector.web.server.LiveServer.Event;

/** POST /models/pull against a hub on this machine: its events, its files, and its errors. */
class PullTest {

    private static final String PULL = "/api/v1/models/pull";
    private static final String BODY = "{\"repo\":\"" + TestHub.REPO + "\"}";
    private static final String SLUG = "tiny--llama";
    private static final String WEIGHTS = "model.safetensors";

    @TempDir
    Path folder;

    private final Map<String, String> environment = new ConcurrentHashMap<>();
    private Path blobs;
    private TestHub hub;
    private LiveServer live;

    @BeforeEach
    void start() throws IOException {
        Path cache = folder.resolve("hub");
        blobs = cache.resolve("models--tiny--llama/blobs");
        environment.put("HF_HUB_CACHE", cache.toString());
        environment.put("HF_HOME", folder.resolve("nobody").toString());
        live = new LiveServer(folder, 4, "127.0.0.1", null, environment);
        hub = TestHub.of(folder.resolve("models/tiny"));
        environment.put("HF_ENDPOINT", hub.endpoint().toString());
    }

    @AfterEach
    void stop() {
        hub.close();
        live.close();
    }

    private LiveServer.Answer pull() {
        return live.post(PULL, BODY);
    }

    private boolean listed() {
        return live.get("/api/v1/models")
                .json()
                .path("models")
                .findValuesAsText("slug")
                .contains(SLUG);
    }

    private static List<String> how(JsonNode pulled, String name) {
        List<String> how = new ArrayList<>();
        for (JsonNode file : pulled.path("files")) {
            if (file.path("name").asText().equals(name))
                how.add(file.path("how").asText());
        }
        return how;
    }

    /** What has arrived of the weights. */
    private Path part() {
        return blobs.resolve(TestHub.sha256(hub.files.get(WEIGHTS)) + ".inspector.incomplete");
    }

    private long arrived() {
        try {
            return Files.exists(part()) ? Files.size(part()) : 0;
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    @Test
    void aModelIsPulledListedAndRuns() throws Exception {
        assertThat(listed()).isFalse();
        List<Event> events = new ArrayList<>();
        HttpResponse<java.io.InputStream> response = live.stream(PULL, BODY);
        assertThat(response.statusCode()).isEqualTo(200);
        try (BufferedReader lines = lines(response.body())) {
            for (Event e = next(lines); e != null; e = next(lines)) events.add(e);
        }
        Event done = events.remove(events.size() - 1);
        assertThat(done.name()).isEqualTo("done");
        assertThat(events).isNotEmpty().allMatch(e -> e.name().equals("progress"));
        for (Event e : events) valid("PullProgress", e);
        valid("Pulled", done);
        JsonNode last = events.get(events.size() - 1).data();
        assertThat(last.path("state").asText()).isEqualTo("done");
        assertThat(last.path("bytes_done").asLong())
                .isEqualTo(last.path("bytes_total").asLong())
                .isEqualTo(hub.files.values().stream().mapToLong(b -> b.length).sum());
        assertThat(done.data().path("commit").asText()).isEqualTo(TestHub.COMMIT);
        assertThat(done.data().path("files")).hasSize(hub.files.size());

        assertThat(listed()).isTrue();
        String said =
                live.run("{\"model\":\"tiny--llama\",\"prompt\":\"the cat\",\"generate\":{\"max_new_tokens\":3}}");
        String own = live.run("{\"model\":\"tiny\",\"prompt\":\"the cat\",\"generate\":{\"max_new_tokens\":3}}");
        assertThat(live.get("/api/v1/runs/" + said).json().path("text"))
                .isEqualTo(live.get("/api/v1/runs/" + own).json().path("text"));
        JsonNode again = pull().json();
        assertThat(how(again, WEIGHTS)).containsExactly("cached");
    }

    private void valid(String schema, Event e) {
        live.contract.validate(
                "#/components/schemas/" + schema, e.data().toString().getBytes(StandardCharsets.UTF_8), e.name());
    }

    @Test
    void aFileWithAnotherHashIsNotKept() {
        byte[] wrong = hub.files.get(WEIGHTS).clone();
        wrong[wrong.length / 2] ^= 1;
        hub.lies.put(WEIGHTS, wrong);
        JsonNode problem = pull().problem(502);
        assertThat(problem.path("type").asText()).isEqualTo("/problems/upstream");
        assertThat(problem.path("what").asText()).contains("not the file that the hub has");
        assertThat(problem.path("instead").asText()).startsWith("pull again");
        assertThat(problem.has("incident")).isFalse();
        assertThat(problem.path("expected").asText()).isEqualTo("sha256 " + TestHub.sha256(hub.files.get(WEIGHTS)));
        assertThat(problem.path("found").asText()).isEqualTo("sha256 " + TestHub.sha256(wrong));
        assertThat(problem.path("where").asText()).contains(WEIGHTS);
        assertThat(arrived()).isZero();
        hub.lies.clear();
        assertThat(how(pull().json(), WEIGHTS)).containsExactly("downloaded");
    }

    @Test
    void aRepositoryThatIsNotThereIsA404() {
        JsonNode problem = live.post(PULL, "{\"repo\":\"nobody/nothing\"}").problem(404);
        assertThat(problem.path("where").asText()).contains("nobody/nothing");
        assertThat(problem.path("instead").asText()).contains("check the name");
        problem =
                live.post(PULL, "{\"repo\":\"tiny/llama\",\"revision\":\"v9\"}").problem(404);
        assertThat(problem.path("what").asText()).contains("no such revision");
    }

    @Test
    void aBrokenDownloadGoesOnWhereItWas() throws IOException {
        byte[] all = hub.files.get(WEIGHTS);
        Files.createDirectories(blobs);
        Files.write(part(), Arrays.copyOf(all, all.length / 2));
        assertThat(how(pull().json(), WEIGHTS)).containsExactly("resumed");
        assertThat(hub.seen("cdn", "GET", WEIGHTS)).singleElement().matches(s -> s.range()
                .equals("bytes=" + all.length / 2 + "-"));
        assertThat(listed()).isTrue();
    }

    @Test
    void closingTheConnectionEndsThePullAndKeepsWhatHasArrived() throws Exception {
        environment.put("HF_HUB_DOWNLOAD_TIMEOUT", "600"); // it would wait so long for the rest
        hub.fault(Fault.silent(WEIGHTS, 300_000, 600_000));
        BufferedReader lines = lines(live.stream(PULL, BODY).body());
        within(60, () -> arrived() > 0);
        lines.close();
        environment.remove("HF_HUB_DOWNLOAD_TIMEOUT");
        // The next pull waits for the first to let go.
        assertThat(how(pull().json(), WEIGHTS)).containsExactly("resumed");
        assertThat(hub.seen("cdn", "GET", WEIGHTS)).last().matches(s -> s.range() != null);
        assertThat(listed()).isTrue();
    }

    @Test
    void aGatedModelSaysHowToGetIn() {
        hub.token = "hf_right";
        JsonNode without = pull().problem(400);
        assertThat(without.path("what").asText()).contains("gated");
        assertThat(without.path("found").asText()).contains("HTTP 401");
        assertThat(without.path("instead").asText())
                .contains(hub.endpoint() + "/tiny/llama", "accept the licence", "HF_TOKEN");
        environment.put("HF_TOKEN", "hf_wrong");
        LiveServer.Answer refused = pull();
        assertThat(refused.problem(400).path("found").asText()).contains("HTTP 403");
        assertThat(refused.json().path("instead").asText()).contains("read gated models");
        assertThat(refused.text()).doesNotContain("hf_wrong");
        environment.put("HF_TOKEN", "hf_right");
        assertThat(pull().status()).isEqualTo(200);
        assertThat(listed()).isTrue();
    }

    @Test
    void offlineOnlyTheCacheIsAsked() {
        environment.put("HF_HUB_OFFLINE", "1");
        JsonNode problem = pull().problem(404);
        assertThat(problem.path("instead").asText()).contains("HF_HUB_OFFLINE");
        assertThat(hub.seen).isEmpty();
        environment.remove("HF_HUB_OFFLINE");
        assertThat(pull().status()).isEqualTo(200);
        hub.seen.clear();
        environment.put("HF_HUB_OFFLINE", "1");
        JsonNode pulled = pull().json();
        assertThat(pulled.path("note").asText()).contains("offline");
        assertThat(hub.seen).isEmpty();
    }
}
