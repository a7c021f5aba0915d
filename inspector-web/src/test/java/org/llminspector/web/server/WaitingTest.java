package org.llminspector.web.server;

import static org.assertj.core.api.Assertions.assertThat;
import static org.llminspector.web.server.LiveServer.within;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.eclipse.jetty.server.ServerConnector;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.llminspector.web.TinyModels;

/** Clients that disconnect are noticed, waiting or running; reads answer while others wait; all work can be cancelled. */
class WaitingTest extends LiveTest {

    private static final int STEPS = 30_000;
    private static final String ENDLESS = "{\"model\":\"endless\",\"tokens\":[1,2,3],\"generate\":{\"max_new_tokens\":"
            + STEPS + ",\"ignore_eos\":true}}";
    private static final String COMPLETION =
            "{\"model\":\"endless\",\"prompt\":[1,2,3],\"max_tokens\":" + STEPS + ",\"ignore_eos\":true}";
    private static final String SHORT = "{\"prompt\":[1,2,3],\"max_tokens\":1}";
    private static final String EVENTS = "Accept: text/event-stream\n";

    private final ExecutorService clients = Executors.newCachedThreadPool();

    @BeforeAll
    static void addModel() throws IOException {
        TinyModels.endless(folder.resolve("models"));
    }

    @AfterAll
    static void nothingIsLeft() throws InterruptedException {
        within(60, () -> live.inspector.queue().entries().isEmpty());
    }

    @ParameterizedTest
    @CsvSource({
        "/api/v1/runs, '', HTTP/1.1, false",
        "/api/v1/runs, '', HTTP/1.0, false",
        "/api/v1/runs, '', HTTP/1.1, true",
        "/api/v1/runs, events, HTTP/1.1, false",
        "/v1/completions, '', HTTP/1.1, false",
        "/v1/completions, events, HTTP/1.1, true",
    })
    void aRunEndsWhenItsClientDisconnects(String path, String stream, String version, boolean half) throws Exception {
        boolean openAi = path.startsWith("/v1");
        String body = openAi ? COMPLETION : ENDLESS;
        if (openAi && !stream.isEmpty()) body = body.replace("{\"model", "{\"stream\":true,\"model");
        Socket client = begun(path, body, version, stream.isEmpty() ? "" : EVENTS);
        JsonNode entry = running();
        assertThat(entry.path("what").asText()).isEqualTo("run");
        assertThat(entry.path("model").asText()).isEqualTo("endless");
        assertThat(entry.path("request").asText()).isEqualTo("POST " + path);
        if (half) client.shutdownOutput();
        else client.close();
        within(60, () -> live.inspector.queue().status().running() == 0);
        client.close();
        JsonNode run = live.get("/api/v1/runs/" + entry.path("id").asText()).json();
        assertThat(run.at("/generation/finish_reason").asText()).isEqualTo("cancelled");
        assertThat(run.at("/generation/steps").size()).isLessThan(STEPS - 1_000);
    }

    @Test
    void aComparisonEndsWhenItsClientDisconnects() throws Exception {
        String text = "the cat and the dog and ".repeat(2_000);
        Socket client = begun(
                "/api/v1/comparisons",
                "{\"a\":{},\"b\":{\"precision\":\"fp16\"},\"text\":\"" + text + "\",\"options\":{\"window\":16}}",
                "HTTP/1.1",
                "");
        JsonNode entry = running();
        assertThat(entry.path("what").asText()).isEqualTo("comparison");
        client.close();
        within(60, () -> live.inspector.queue().entries().isEmpty());
        live.get("/api/v1/comparisons/" + entry.path("id").asText()).problem(404);
    }

    /** Further choices are made only while the client is connected. */
    @Test
    void noFurtherChoiceIsMadeForAClientThatIsGone() throws Exception {
        Socket client = begun("/v1/completions", COMPLETION.replace("\"prompt", "\"n\":3,\"prompt"), "HTTP/1.1", "");
        String first = running().path("id").asText();
        client.close();
        within(60, () -> live.inspector.queue().entries().isEmpty());
        assertThat(live.get("/api/v1/runs?limit=1").json().at("/runs/0/id").asText())
                .isEqualTo(first);
    }

    @ParameterizedTest
    @CsvSource({
        "/api/v1/comparisons, comparison, '{\"a\":R,\"b\":R}'",
        "/api/v1/logprobs, logprobs, '{\"request\":R}'",
        "/api/v1/continuations, continuations, '{\"request\":R,\"n\":2}'",
        "/api/v1/distribution, distribution, '{\"request\":R}'",
        "/api/v1/benchmarks, benchmark, '{\"request\":R}'",
        "/api/v1/timeline, timeline, '{\"request\":R}'",
        "/api/v1/gradients, gradients, '{\"tokens\":[1,2,3]}'",
        "/v1/embeddings, run, '{\"input\":[1,2,3]}'",
    })
    void allWorkWaitsInTheQueueAndCanBeCancelledThere(String path, String what, String body) throws Exception {
        try (Holder holder = new Holder(live)) {
            String request = body.replace("R", LiveServer.TOKENS);
            Future<LiveServer.Answer> answer = clients.submit(() -> live.post(path, request));
            within(60, () -> live.inspector.queue().status().waiting() == 1);
            JsonNode entry = live.get("/api/v1/runs").json().path("active").path(1); // behind the holder
            assertThat(entry.path("what").asText()).isEqualTo(what);
            assertThat(entry.path("status").asText()).isEqualTo("waiting");
            assertThat(entry.path("ahead").asInt()).isEqualTo(1);
            live.get("/api/v1/runs/" + entry.path("id").asText()).problem(409); // not finished
            LiveServer.Answer cancelled =
                    live.send("DELETE", "/api/v1/runs/" + entry.path("id").asText(), null);
            assertThat(cancelled.status()).isEqualTo(202);
            assertThat(answer.get().status()).as(answer.get().text()).isEqualTo(409);
            assertThat(live.inspector.queue().status().waiting()).isZero();

            Socket gone = begun(path, request, "HTTP/1.1", "");
            within(60, () -> live.inspector.queue().status().waiting() == 1);
            gone.close();
            within(60, () -> live.inspector.queue().status().waiting() == 0);
        }
    }

    @Test
    void aRunningRunIsCancelledByItsId() throws Exception {
        Future<LiveServer.Answer> answer = clients.submit(() -> live.post("/api/v1/runs", ENDLESS));
        String id = running().path("id").asText();
        assertThat(live.send("DELETE", "/api/v1/runs/" + id, null).status()).isEqualTo(202);
        assertThat(answer.get().status()).isEqualTo(201);
        assertThat(answer.get().json().at("/generation/finish_reason").asText()).isEqualTo("cancelled");
        assertThat(live.send("DELETE", "/api/v1/runs/" + id, null).status()).isEqualTo(204);
    }

    /** Two hundred wait, some gone, some that read nothing: everything that only reads answers, and their places are freed. */
    @Test
    void readsAnswerWhileOthersWait() throws Exception {
        String kept = live.run("{\"tokens\":[1,2,3],\"capture\":[\"logits\"]}");
        double refused = runs("refused");
        double cancelled = runs("cancelled");
        List<Socket> waiting = new ArrayList<>();
        try (Holder holder = new Holder(live)) {
            for (int i = 0; i < 200; i++) {
                String streamed = i % 4 == 0 ? SHORT.replace("{", "{\"stream\":true,") : SHORT;
                waiting.add(begun("/v1/completions", streamed, "HTTP/1.1", ""));
            }
            within(60, () -> live.inspector.queue().status().waiting() == 200);
            for (String path : List.of(
                    "/api/v1/health",
                    "/health",
                    "/api/v1/models",
                    "/v1/models",
                    "/api/v1/runs",
                    "/api/v1/runs/" + kept,
                    "/api/v1/runs/" + kept + "/captures/logits",
                    "/metrics")) {
                assertThat(live.get(path).status()).as(path).isEqualTo(200);
            }
            // A person's own run finds its place behind them.
            Future<LiveServer.Answer> own = clients.submit(() -> live.post("/api/v1/runs", LiveServer.TOKENS));
            within(60, () -> live.inspector.queue().status().waiting() == 201);
            for (Socket s : waiting) s.close();
            within(60, () -> live.inspector.queue().status().waiting() == 1);
            holder.close();
            assertThat(own.get().status()).isEqualTo(201);
        } finally {
            for (Socket s : waiting) s.close();
        }
        within(60, () -> runs("cancelled") == cancelled + 200);
        assertThat(runs("refused")).isEqualTo(refused);
    }

    @Test
    void runsAreMadeInTheOrderInWhichTheyCame() throws Exception {
        List<Future<LiveServer.Answer>> all = new ArrayList<>();
        try (Holder holder = new Holder(live)) {
            for (int i = 0; i < 12; i++) {
                boolean openAi = i % 3 == 0;
                all.add(clients.submit(() -> openAi
                        ? live.post("/v1/completions", SHORT)
                        : live.post("/api/v1/runs", "{\"tokens\":[1,2,3],\"generate\":{\"max_new_tokens\":2}}")));
                int admitted = i + 1;
                within(60, () -> live.inspector.queue().status().waiting() == admitted);
            }
        }
        List<String> order = new ArrayList<>();
        for (Future<LiveServer.Answer> one : all) {
            JsonNode made = one.get().json();
            String id = made.path("id").asText();
            order.add(id.startsWith("cmpl-") ? id.substring(5) : id);
        }
        assertThat(order).isSorted();
        List<String> finished = new ArrayList<>();
        for (String id : order) {
            finished.add(live.get("/api/v1/runs/" + id).json().path("created").asText());
        }
        assertThat(finished).isSorted();
    }

    /** Jetty ends connections on which nothing comes or goes for some time, but none whose request waits. */
    @Test
    void aRequestWaitsLongerThanAConnectionMayIdle(@TempDir Path other) throws Exception {
        try (LiveServer impatient = new LiveServer(other)) {
            ServerConnector connector = (ServerConnector)
                    impatient.server.javalin().jettyServer().server().getConnectors()[0];
            connector.setIdleTimeout(300);
            try (Holder holder = new Holder(impatient);
                    Socket client = new Socket(InetAddress.getLoopbackAddress(), impatient.server.port())) {
                send(client, request("/api/v1/runs", LiveServer.TOKENS, "HTTP/1.1", ""));
                within(60, () -> impatient.inspector.queue().status().waiting() == 1);
                for (int i = 0; i < 5; i++) {
                    try (Socket next = new Socket(InetAddress.getLoopbackAddress(), impatient.server.port())) {
                        assertThat(next.getInputStream().read()).isEqualTo(-1); // it has idled too long
                    }
                }
                assertThat(impatient.inspector.queue().status().waiting()).isEqualTo(1);
                holder.close();
                assertThat(answer(client)).startsWith("HTTP/1.1 201 Created");
            }
        }
    }

    /** The bytes of a next request that has come already are not lost when the connection is looked at. */
    @Test
    void pipelinedRequestsAreAnswered() throws Exception {
        try (Socket client = new Socket(InetAddress.getLoopbackAddress(), live.server.port())) {
            try (Holder holder = new Holder(live)) {
                send(client, request("/api/v1/runs", LiveServer.TOKENS, "HTTP/1.1", ""));
                within(60, () -> live.inspector.queue().status().waiting() == 1);
                send(client, "GET /health HTTP/1.1\nHost: localhost\n\nGET /api/v1/hea");
                for (int i = 1; i <= 2; i++) looked();
                assertThat(live.inspector.queue().status().waiting()).isEqualTo(1);
            }
            assertThat(answer(client)).startsWith("HTTP/1.1 201 Created").contains("\"prompt_length\":3");
            assertThat(answer(client)).startsWith("HTTP/1.1 200 OK").endsWith("{\"status\":\"ok\"}");
            send(client, "lth HTTP/1.1\nHost: localhost\n\n");
            assertThat(answer(client)).startsWith("HTTP/1.1 200 OK").contains("\"uptime_s\"");
        }
    }

    /** Waits until another client's disconnect was noticed, which takes a look at every connection. */
    private static void looked() throws IOException, InterruptedException {
        int before = live.inspector.queue().status().waiting();
        Socket other = begun("/v1/completions", SHORT, "HTTP/1.1", "");
        within(60, () -> live.inspector.queue().status().waiting() == before + 1);
        other.close();
        within(60, () -> live.inspector.queue().status().waiting() == before);
    }

    /** The entry of the run that is running, once it is. */
    private static JsonNode running() throws InterruptedException {
        within(60, () -> live.inspector.queue().status().running() == 1);
        JsonNode entry = live.get("/api/v1/runs").json().at("/active/0");
        assertThat(entry.path("status").asText()).isEqualTo("running");
        return entry;
    }

    private static double runs(String outcome) {
        return live.get("/metrics")
                .text()
                .lines()
                .filter(l -> l.startsWith("llm_inspector_runs_total{outcome=\"" + outcome + "\"}"))
                .mapToDouble(l -> Double.parseDouble(l.substring(l.lastIndexOf(' '))))
                .sum();
    }

    private static Socket begun(String path, String body, String version, String headers) throws IOException {
        Socket socket = new Socket();
        socket.setReceiveBufferSize(4 << 10);
        socket.connect(new InetSocketAddress(InetAddress.getLoopbackAddress(), live.server.port()));
        send(socket, request(path, body, version, headers));
        return socket;
    }

    private static String request(String path, String body, String version, String headers) {
        return "POST " + path + " " + version + "\nHost: localhost\n" + headers + "Content-Length: " + body.length()
                + "\n\n" + body;
    }

    private static void send(Socket socket, String text) throws IOException {
        OutputStream out = socket.getOutputStream();
        out.write(text.replace("\n", "\r\n").getBytes(StandardCharsets.UTF_8));
        out.flush();
    }

    /** One whole answer of a connection that stays open. */
    private static String answer(Socket socket) throws IOException {
        InputStream in = socket.getInputStream();
        StringBuilder head = new StringBuilder();
        while (head.indexOf("\r\n\r\n") < 0) head.append((char) in.read());
        String length = head.toString().replaceAll("(?is).*content-length: *([0-9]+).*", "$1");
        if (length.matches("[0-9]+")) {
            return head + new String(in.readNBytes(Integer.parseInt(length)), StandardCharsets.UTF_8);
        }
        StringBuilder body = new StringBuilder(); // chunked
        while (true) {
            StringBuilder size = new StringBuilder();
            while (size.indexOf("\r\n") < 0) size.append((char) in.read());
            int n = Integer.parseInt(size.toString().trim(), 16);
            body.append(new String(in.readNBytes(n), StandardCharsets.UTF_8));
            in.readNBytes(2);
            if (n == 0) return head.toString() + body;
        }
    }
}
