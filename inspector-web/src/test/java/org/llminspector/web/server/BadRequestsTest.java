package org.llminspector.web.server;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Invalid requests: each is a problem that says what, where and how to fix it, and the server keeps running. */
class BadRequestsTest extends LiveTest {

    @AfterAll
    static void theServerIsWell() {
        assertThat(live.get("/api/v1/health").json().path("status").asText()).isEqualTo("ok");
    }

    private static JsonNode refused(int status, String body) {
        return live.post("/api/v1/runs", body).problem(status);
    }

    @Test
    void malformedJsonNamesLineAndColumn() {
        JsonNode p = refused(400, "{\"prompt\": \"x\",\n  \"tokens\": [1,, 2]}");
        assertThat(p.path("what").asText()).isEqualTo("not valid JSON");
        assertThat(p.path("where").asText()).contains("line 2, column 16");
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', textBlock = """
                    {"promt":"x"}                                                | promt                    | prompt
                    {"tokens":[1],"generate":{"max_tokens":3}}                   | generate.max_tokens      | max_new_tokens
                    {"tokens":"1,2"}                                             | tokens                   | a list [...]
                    {"tokens":[1.5]}                                             | tokens[0]                | a whole number
                    {"tokens":[1,null]}                                          | tokens[1]                | a value
                    {"tokens":[1],"generate":{"temperature":"warm"}}             | generate.temperature     | a number
                    {"tokens":[1],"generate":{"top_k":99999999999}}              | generate.top_k           |
                    {"prompt":5}                                                 | prompt                   | a text
                    {"tokens":[1],"precision":"int3"}                            | precision                | one of fp32, fp16, bf16
                    {"tokens":[1],"interventions":[{"hook":"logits","op":"x"}]}  | interventions[0].op      | zero
                    {"tokens":[1],"tokens":[2]}                                  | line 1                   |
                    []                                                           | body                     | {...}
                    {}                                                           | prompt, tokens           | exactly one
                    {"tokens":[1],"prompt":"x"}                                  | prompt, tokens           | exactly one
                    {"tokens":[1],"messages":[]}                                 | prompt, tokens, messages | exactly one
                    {"messages":[]}                                              | messages                 | at least one message
                    {"messages":[{"role":"user"}]}                               | messages[0].content      | a text
                    {"messages":[{"role":"user","text":"x"}]}                    | messages[0].text         | content
                    {"tokens":[]}                                                | tokens                   | at least one token
                    {"tokens":[1,320]}                                           | tokens[1]                | 0 to 319
                    {"tokens":[1,-1]}                                            | tokens[1]                | 0 to 319
                    {"tokens":[1],"generate":{"max_new_tokens":-1}}              | max_new_tokens           |
                    {"tokens":[1],"generate":{"temperature":-1}}                 | temperature              |
                    {"tokens":[1],"interventions":[{"op":"zero"}]}               | interventions[0]         |
                    {"tokens":[1],"interventions":[{"hook":"logits"}]}           | interventions[0]         |
                    """)
    void aWrongFieldIsNamedWithWhatBelongsThere(String body, String where, String expected) {
        JsonNode p = refused(400, body);
        assertThat(p.path("where").asText()).contains(where);
        if (expected != null) assertThat(p.path("expected").asText()).contains(expected);
    }

    @Test
    void anEmptyBodyAndBrokenUtf8AreSaid() {
        assertThat(refused(400, "").path("what").asText()).isEqualTo("the JSON is empty");
    }

    @Test
    void anUnknownHookNamesTheClosest() {
        JsonNode p = refused(400, "{\"tokens\":[1],\"capture\":[\"blocks.1.attn.hook_patern\"]}");
        assertThat(p.path("instead").asText()).contains("blocks.1.attn.hook_pattern");
    }

    /** Each would take minutes to hours, were it not bounded. */
    @Test
    void hostilePatternsNamesAndBodiesAreAnsweredAtOnce() {
        String stars = "*a".repeat(90);
        assertThat(refused(400, "{\"tokens\":[1],\"capture\":[\"" + stars + "\"]}")
                        .path("what")
                        .asText())
                .isEqualTo("no hook has this name");
        refused(
                400,
                "{\"tokens\":[1],\"precision_plan\":{\"overrides\":[{\"modules\":\"" + stars
                        + "\",\"precision\":\"int8\"}]}}");
        JsonNode long_ = refused(400, "{\"tokens\":[1],\"capture\":[\"" + "x".repeat(1 << 20) + "\"]}");
        assertThat(long_.toString()).hasSizeLessThan(3_000);
        refused(
                400,
                "{\"tokens\":[1],\"interventions\":[{\"hook\":\"" + "*?".repeat(1 << 19) + "\",\"op\":\"zero\"}]}");
        refused(413, "{\"tokens\":[1],\"capture\":[" + "\"*\",".repeat(500_000) + "\"*\"]}");
        refused(
                413,
                "{\"tokens\":[1],\"interventions\":[" + "{\"hook\":\"*\",\"op\":\"zero\"},".repeat(100_000)
                        + "{\"hook\":\"*\",\"op\":\"zero\"}]}");
        // 900 deep, and a path of 900 names to each of 100,000 places.
        String deep = "{\"name of a field\":".repeat(900) + "[" + "1,".repeat(100_000) + "null]" + "}".repeat(900);
        assertThat(refused(400, deep).path("where").asText()).startsWith("name of a field.name of a field");
        refused(400, "{\"" + "y".repeat(40_000) + "\":1}");
    }

    @Test
    void aHookThatThisModelLacksSaysWhy() {
        JsonNode p = refused(422, "{\"tokens\":[1],\"capture\":[\"hook_pos_embed\"]}");
        assertThat(p.path("what").asText()).contains("RoPE");
    }

    @Test
    void aPromptLongerThanTheContextSaysByHowMuch() {
        JsonNode p = refused(413, "{\"tokens\":[" + "1,".repeat(299) + "1]}");
        assertThat(p.path("expected").asText()).contains("256");
        assertThat(p.path("found").asText()).contains("300");
    }

    @Test
    void aCaptureOverTheBudgetSaysTheNumber() {
        JsonNode p = refused(413, "{\"tokens\":[" + "1,".repeat(255) + "1],\"capture\":[\"*\"]}");
        assertThat(p.path("expected").asText()).contains("8.0 MiB");
        assertThat(p.path("found").asText()).contains("MiB");
    }

    @Test
    void aTenMegabytePromptGetsItsAnswer() {
        JsonNode p = refused(413, "{\"prompt\":\"" + "x".repeat(10 << 20) + "\"}");
        assertThat(p.path("what").asText()).isEqualTo("the request's body is too large");
        assertThat(p.path("expected").asText()).contains("4194304");
        // Just within the limit, it is the model's context that is too small.
        assertThat(refused(413, "{\"prompt\":\"" + "x".repeat(4_000_000) + "\"}")
                        .path("what")
                        .asText())
                .contains("context");
    }

    @Test
    void aTextTooLongToShowIsRefused() {
        live.post("/api/v1/tokenize", "{\"text\":\"" + "x".repeat(600_000) + "\"}")
                .problem(413);
    }

    @Test
    void aModelWithoutTokenizerAsksForTokens() {
        assertThat(refused(422, "{\"model\":\"bare\",\"prompt\":\"hello\"}")
                        .path("instead")
                        .asText())
                .contains("tokens");
        live.post("/api/v1/tokenize", "{\"model\":\"bare\",\"text\":\"x\"}").problem(422);
        assertThat(live.post("/api/v1/runs", "{\"model\":\"bare\",\"tokens\":[1,2]}")
                        .status())
                .isEqualTo(201);
    }

    @ParameterizedTest
    @CsvSource({
        "GET,  /api/v1/models/nope, 404",
        "GET,  /api/v1/models/nope/hooks, 404",
        "GET,  /api/v1/models/tiny/hooks?engine=warp, 422",
        "GET,  /api/v1/models/tiny/tensors/nope, 404",
        "GET,  /api/v1/runs/20200101-000000-000-abcdef, 404",
        "GET,  /api/v1/runs/..%2F..%2Fetc, 400",
        "POST, /api/v1/runs/20200101-000000-000-abcdef/cancel, 404",
        "GET,  /api/v1/runs?limit=0, 400",
        "GET,  /api/v1/runs?limit=many, 400",
        "GET,  /api/v1/runs?before=yesterday, 400",
        "GET,  /api/v1/nothing, 404",
        "PUT,  /api/v1/runs, 405",
        "GET,  /api/v1/tokenize, 405",
        "GET,  /assets/missing.js, 404",
    })
    void whatIsNotThereIsAProblemToo(String method, String path, int status) {
        LiveServer.Answer answer = live.send(method, path, null);
        answer.problem(status);
        if (status == 405) assertThat(answer.header("Allow")).contains("POST");
    }

    @Test
    void halfAModelIsListedWithItsTroubleAndRefusedByName() throws IOException {
        Path broken = Files.createDirectories(folder.resolve("models/broken"));
        Files.copy(folder.resolve("models/tiny/config.json"), broken.resolve("config.json"));
        byte[] weights = Files.readAllBytes(folder.resolve("models/tiny/model.safetensors"));
        Files.write(broken.resolve("model.safetensors"), java.util.Arrays.copyOf(weights, weights.length / 2));
        JsonNode models = live.get("/api/v1/models").json().path("models");
        JsonNode listed = null;
        for (JsonNode m : models) if (m.path("slug").asText().equals("broken")) listed = m;
        assertThat(listed).isNotNull();
        assertThat(listed.path("trouble").asText()).contains("model.safetensors");
        LiveServer.Answer answer = live.post("/api/v1/runs", "{\"model\":\"broken\",\"tokens\":[1]}");
        assertThat(answer.status()).isBetween(400, 499);
        assertThat(answer.problem(answer.status()).path("where").asText()).contains("model.safetensors");
    }

    @Test
    void aGpuThatIsNotThereSaysWhatWasFound() {
        LiveServer.Answer answer = live.post("/api/v1/runs", "{\"tokens\":[1],\"device\":\"cuda:7\"}");
        assertThat(answer.status()).isBetween(400, 499);
        answer.problem(answer.status());
    }

    @Test
    void malformedHttpIsAnsweredToo() throws IOException {
        assertThat(live.raw("GET /%zz HTTP/1.1\nHost: localhost\nConnection: close\n\n"))
                .startsWith("HTTP/1.1 400")
                .contains("application/problem+json");
        for (String path : List.of("/%uff0e", "/%uff0e%uff0e/", "/api/v1/runs/%uff0e", "/api/v1/%00", "/%c0%ae")) {
            String answer = live.raw("GET " + path + " HTTP/1.1\nHost: localhost\nConnection: close\n\n");
            assertThat(answer).as(path).startsWith("HTTP/1.1 4").contains("application/problem+json");
        }
        assertThat(live.raw("GET / HTTP/1.1\nHost: localhost\nConnection: close\nX: " + "y".repeat(20_000) + "\n\n"))
                .startsWith("HTTP/1.1 431");
    }

    /** Wherever a seed is taken, one that is none is refused by its field's name. */
    @ParameterizedTest
    @CsvSource(delimiter = '|', textBlock = """
                    /api/v1/runs           | {"tokens":[1],"generate":{"seed":SEED}}                       | generate.seed
                    /api/v1/continuations  | {"request":{"tokens":[1],"generate":{"seed":SEED}},"n":1}     | request.generate.seed
                    /api/v1/distribution   | {"request":{"tokens":[1],"generate":{"seed":SEED}}}           | request.generate.seed
                    /api/v1/heads/repeated | {"seed":SEED}                                                 | seed
                    /api/v1/training-jobs  | {"recipe":{"name":"seeded","seed":SEED}}                      | seed
                    /api/v1/training-jobs  | {"recipe":{"name":"seeded","corpus_seed":SEED}}               | corpus_seed
                    /v1/completions        | {"prompt":[1],"seed":SEED}                                    | seed
                    /v1/completions        | {"prompt":[1],"temperature":0,"seed":SEED}                    | seed
                    /v1/chat/completions   | {"messages":[{"role":"user","content":"x"}],"seed":SEED}      | seed
                    """)
    void aSeedIsAWholeNumber(String path, String body, String field) {
        for (String seed : List.of("\"abc\"", "1.5", "true", "[1]", "{}", "1e999", "99999999999999999999")) {
            LiveServer.Answer answer = live.post(path, body.replace("SEED", seed));
            assertThat(answer.status())
                    .as(path + " " + seed + ": " + answer.text())
                    .isEqualTo(400);
            JsonNode problem = answer.json();
            String where = problem.has("error")
                    ? problem.path("error").path("param").asText()
                    : problem.path("where").asText();
            assertThat(where).as(seed).isEqualTo(field);
        }
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', textBlock = """
                    /api/v1/runs    | {"tokens":[1],"generate":{"temperature":1e999}}                                      | temperature
                    /api/v1/runs    | {"tokens":[1],"generate":{"top_p":1e999}}                                            | top_p
                    /api/v1/runs    | {"tokens":[1],"generate":{"repetition_penalty":1e999}}                               | repetition_penalty
                    /api/v1/runs    | {"tokens":[1],"generate":{"presence_penalty":1e999}}                                 | presence_penalty
                    /api/v1/runs    | {"tokens":[1],"interventions":[{"hook":"logits","op":"scale","value":1e999}]}        | interventions[0].value
                    /api/v1/runs    | {"tokens":[1],"interventions":[{"hook":"logits","op":"add","value":1e308}]}          | interventions[0].value
                    /v1/completions | {"prompt":[1],"temperature":1e999}                                                   | temperature
                    """)
    void aNumberIsFinite(String path, String body, String field) {
        LiveServer.Answer answer = live.post(path, body);
        assertThat(answer.status()).as(answer.text()).isEqualTo(400);
        assertThat(answer.text()).contains(field);
    }
}
