package org.llminspector.web.server;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.llminspector.base.Problem;

/** Who may come in. */
class AccessTest {

    private static final String SECRET = "open-sesame";

    @TempDir
    static Path folder;

    static LiveServer local;
    static LiveServer shared;

    @BeforeAll
    static void start() throws IOException {
        local = new LiveServer(folder.resolve("local"));
        shared = new LiveServer(folder.resolve("shared"), 4, "0.0.0.0", SECRET);
    }

    @AfterAll
    static void stop() {
        local.close();
        shared.close();
    }

    @Test
    void otherSitesMayChangeNothing() {
        String body = LiveServer.TOKENS;
        local.post("/api/v1/runs", body, "Origin", "http://evil.example").problem(403);
        local.post("/api/v1/runs", body, "Origin", "null").problem(403);
        local.post("/api/v1/runs", body, "Origin", "http://127.0.0.1:1").problem(403);
        local.post("/api/v1/runs", body, "Sec-Fetch-Site", "cross-site").problem(403);
        local.post("/api/v1/runs", body, "Sec-Fetch-Site", "same-site").problem(403);
        local.send("DELETE", "/api/v1/runs/20200101-000000-000-abcdef", null, "Origin", "http://evil.example")
                .problem(403);
        assertThat(local.post("/api/v1/runs", body, "Origin", local.base, "Sec-Fetch-Site", "same-origin")
                        .status())
                .isEqualTo(201);
    }

    @Test
    void otherSitesMayOnlyLinkToThePage() throws IOException {
        String site = "Sec-Fetch-Site";
        String mode = "Sec-Fetch-Mode";
        for (String path : List.of("/api/v1/health", "/api/v1/models", "/api/nothing", "/metrics")) {
            local.get(path, site, "cross-site").problem(403);
            local.get(path, site, "same-site", mode, "navigate").problem(403);
            local.get(path, site, "cross-site", mode, "navigate").problem(403);
        }
        local.get("/docs", site, "cross-site", mode, "no-cors").problem(403);
        assertThat(local.get("/docs", site, "cross-site", mode, "navigate").status())
                .isEqualTo(200);
        assertThat(local.get("/api/v1/health", site, "same-origin").status()).isEqualTo(200);
        assertThat(local.get("/api/v1/health", site, "none").status()).isEqualTo(200);
        // Another spelling of /api leads to the page.
        String spelled = """
                GET /%61pi/v1/health HTTP/1.1
                Host: localhost
                Sec-Fetch-Site: cross-site
                Sec-Fetch-Mode: navigate
                Connection: close

                """;
        assertThat(local.raw(spelled)).startsWith("HTTP/1.1 200").contains("text/html");
    }

    @Test
    void aRequestHasTheMethodThatItIsSentWith() {
        String run = local.run(LiveServer.TOKENS);
        local.get("/api/v1/runs/" + run, "X-HTTP-Method-Override", "DELETE").problem(400);
        local.get("/api/v1/health", "X-HTTP-Method-Override", "BREW").problem(400);
        assertThat(local.get("/api/v1/runs/" + run).status()).isEqualTo(200);
    }

    @Test
    void noAnswerIsForOtherSitesToRead() {
        LiveServer.Answer answer = local.get("/api/v1/health", "Origin", "http://evil.example");
        assertThat(answer.header("Access-Control-Allow-Origin")).isNull();
        assertThat(answer.header("Cross-Origin-Resource-Policy")).isEqualTo("same-origin");
        assertThat(answer.header("X-Content-Type-Options")).isEqualTo("nosniff");
        assertThat(answer.header("Content-Security-Policy"))
                .contains("default-src 'self'")
                .contains("frame-ancestors 'none'");
    }

    @Test
    void aForeignNameThatLeadsHereIsNotAnswered() throws IOException {
        String request = "GET /api/v1/health HTTP/1.1\nHost: %s\nConnection: close\n\n";
        assertThat(local.raw(request.formatted("evil.example:7070"))).startsWith("HTTP/1.1 421");
        assertThat(local.raw(request.formatted("127.0.0.1.evil.example"))).startsWith("HTTP/1.1 421");
        assertThat(local.raw(request.formatted("localhost:7070"))).startsWith("HTTP/1.1 200");
        assertThat(local.raw(request.formatted("[::1]:7070"))).startsWith("HTTP/1.1 200");
    }

    @Test
    void aSharedServerAsksForItsToken() {
        LiveServer.Answer refused = shared.get("/api/v1/health");
        refused.problem(401);
        assertThat(refused.header("WWW-Authenticate")).startsWith("Bearer");
        shared.get("/api/v1/health", "Authorization", "Bearer wrong").problem(401);
        shared.get("/metrics").problem(401);
        shared.post("/api/v1/runs?token=" + SECRET, LiveServer.TOKENS).problem(401);
        assertThat(shared.get("/api/v1/health", "Authorization", "Bearer " + SECRET)
                        .status())
                .isEqualTo(200);
    }

    @Test
    void aBrowserShowsTheTokenOnceAndGetsACookie() throws IOException {
        String answer =
                shared.raw("GET /?token=" + SECRET + "&run=1 HTTP/1.1\nHost: gpu-box:7070\nConnection: close\n\n");
        assertThat(answer)
                .startsWith("HTTP/1.1 303")
                .contains("Location: /?run=1\r\n")
                .contains("HttpOnly")
                .contains("SameSite=Strict");
        assertThat(shared.raw("GET //evil.example/?token=" + SECRET + " HTTP/1.1\nHost: x\nConnection: close\n\n"))
                .contains("Location: /evil.example/\r\n");
        assertThat(shared.get("/api/v1/health", "Cookie", "token=" + SECRET).status())
                .isEqualTo(200);
        shared.get("/api/v1/health", "Cookie", "token=guess").problem(401);
    }

    @Test
    void aServerForOthersDoesNotStartWithoutAToken() {
        assertThatThrownBy(() -> new Server.Config("0.0.0.0", 0, null)).isInstanceOf(Problem.class);
    }

    @Test
    void aTakenPortIsSaid() {
        assertThatThrownBy(
                        () -> Server.start(local.inspector, new Server.Config("127.0.0.1", local.server.port(), null)))
                .isInstanceOfSatisfying(Problem.class, p -> assertThat(p.kind()).isEqualTo(Problem.Kind.CONFLICT));
    }

    @Test
    void addressesOfThePageAreAnsweredWithIt() throws IOException {
        String answer = local.raw(
                "GET /chapters/attention HTTP/1.1\nHost: localhost\nAccept: text/html\nConnection: close\n\n");
        assertThat(answer).startsWith("HTTP/1.1 200").contains("text/html").contains("LLM Inspector");
    }

    @Test
    void jsonIsCompressedAndTensorsAreNot() {
        assertThat(local.get("/docs", "Accept-Encoding", "gzip").header("Content-Encoding"))
                .isEqualTo("gzip");
        assertThat(local.get("/docs").header("Content-Encoding")).isNull();
        String run = local.run("{\"tokens\":[1,2,3,4,5,6,7,8],\"capture\":[\"logits\"]}");
        LiveServer.Answer tensor = local.get("/api/v1/runs/" + run + "/captures/logits", "Accept-Encoding", "gzip");
        assertThat(tensor.header("Content-Encoding")).isNull();
    }
}
