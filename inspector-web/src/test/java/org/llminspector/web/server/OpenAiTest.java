package org.llminspector.web.server;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.net.URI;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.junit.jupiter.api.Test;
import org.llminspector.web.TinyModels;

/** Programs written for OpenAI's interface get what they read, and every number is that of our own. */
public class OpenAiTest extends LiveTest {

    private static final String COMPLETIONS = "/v1/completions";

    private static JsonNode choice(String body) {
        LiveServer.Answer answer = live.post(COMPLETIONS, body);
        assertThat(answer.status()).as(answer.text()).isEqualTo(200);
        return answer.json().at("/choices/0");
    }

    /** What lm-evaluation-harness sends and reads: token_logprobs[ctxlen:-1] and the largest of top_logprobs. */
    @Test
    void anEchoedPromptHasTheScoresOfItsTokens() {
        JsonNode own = live.post("/api/v1/logprobs", "{\"request\":{\"tokens\":[1,2,3,4,5]},\"from\":1,\"top\":1}")
                .json();
        JsonNode choice = choice("{\"prompt\":[1,2,3,4,5],\"max_tokens\":1,\"logprobs\":1,\"echo\":true,"
                + "\"temperature\":0,\"seed\":1234,\"model\":\"tiny\"}");
        JsonNode told = choice.path("logprobs");
        for (String part : List.of("tokens", "token_logprobs", "top_logprobs", "text_offset")) {
            assertThat(told.path(part))
                    .as("five of the prompt, one that was made")
                    .hasSize(6);
        }
        assertThat(told.at("/token_logprobs/0").isNull()).isTrue();
        assertThat(told.at("/top_logprobs/0").isNull()).isTrue();
        for (int i = 1; i < 5; i++) {
            JsonNode scored = own.path("tokens").get(i - 1);
            assertThat(told.path("token_logprobs").get(i).asDouble())
                    .isEqualTo(scored.path("logprob").asDouble(), within(1e-4));
            double leads = told.path("top_logprobs")
                    .get(i)
                    .properties()
                    .iterator()
                    .next()
                    .getValue()
                    .asDouble();
            assertThat(told.path("token_logprobs").get(i).asDouble() == leads)
                    .as("whether token " + i + " leads")
                    .isEqualTo(scored.path("rank").asInt() == 0);
        }
        JsonNode run = live.get("/api/v1/runs/" + choice.path("run").asText()).json();
        assertThat(told.at("/token_logprobs/5").asDouble())
                .isEqualTo(run.at("/generation/steps/0/logprob").asDouble())
                .isEqualTo(told.path("top_logprobs")
                        .get(5)
                        .properties()
                        .iterator()
                        .next()
                        .getValue()
                        .asDouble());
        // The greedy token, scored as a part of a prompt, leads there too.
        int id = run.at("/generation/steps/0/token/id").asInt();
        JsonNode longer = choice("{\"prompt\":[1,2,3,4,5," + id
                        + "],\"max_tokens\":1,\"logprobs\":1,\"echo\":true,\"temperature\":0}")
                .path("logprobs");
        double scored = longer.at("/token_logprobs/5").asDouble();
        assertThat(scored).isEqualTo(told.at("/token_logprobs/5").asDouble(), within(1e-4));
        assertThat(longer.path("top_logprobs")
                        .get(5)
                        .properties()
                        .iterator()
                        .next()
                        .getValue()
                        .asDouble())
                .isEqualTo(scored);
    }

    @Test
    void promptsAndChoicesAreRunsInTheirOrder() {
        String body = "{\"prompt\":[\"the cat\",\"a dog\"],\"n\":2,\"max_tokens\":3,\"seed\":7,\"ignore_eos\":true}";
        JsonNode first = live.post(COMPLETIONS, body).json();
        assertThat(first.path("choices").findValuesAsText("index")).containsExactly("0", "1", "2", "3");
        assertThat(first.at("/usage/completion_tokens").asInt()).isEqualTo(12);
        JsonNode again = live.post(COMPLETIONS, body).json();
        assertThat(again.path("choices").findValuesAsText("text"))
                .isEqualTo(first.path("choices").findValuesAsText("text"));
        JsonNode second =
                live.get("/api/v1/runs/" + first.at("/choices/1/run").asText()).json();
        assertThat(second.at("/generation/seed").asInt()).isEqualTo(8);
        assertThat(second.at("/request/prompt").asText()).isEqualTo("the cat");
        JsonNode none = choice("{\"prompt\":\"the cat\",\"max_tokens\":0,\"echo\":true,\"logprobs\":0}");
        assertThat(none.path("text").asText()).isEqualTo("the cat");
        assertThat(none.path("finish_reason").asText()).isEqualTo("length");
        assertThat(none.at("/logprobs/top_logprobs/1")).isEmpty();
    }

    @Test
    void aStreamSaysTheSameText() throws Exception {
        String ask = "{\"prompt\":\"the cat\",\"max_tokens\":5,\"temperature\":0,\"ignore_eos\":true,\"echo\":true";
        String whole = choice(ask + "}").path("text").asText();
        List<String> data = events(COMPLETIONS, ask + ",\"stream\":true,\"stream_options\":{\"include_usage\":true}}");
        assertThat(data.remove(data.size() - 1)).isEqualTo("[DONE]");
        StringBuilder text = new StringBuilder();
        List<String> reasons = new ArrayList<>();
        for (String event : data) {
            JsonNode chunk = Contract.JSON.readTree(event);
            assertThat(chunk.path("object").asText()).isEqualTo("text_completion");
            text.append(chunk.at("/choices/0/text").asText());
            String reason = chunk.at("/choices/0/finish_reason").asText("null");
            if (!reason.equals("null") && !reason.isEmpty()) reasons.add(reason);
        }
        assertThat(text.toString()).isEqualTo(whole);
        assertThat(reasons).containsExactly("length");
        assertThat(Contract.JSON
                        .readTree(data.get(data.size() - 1))
                        .at("/usage/completion_tokens")
                        .asInt())
                .isEqualTo(5);
    }

    private static List<String> events(String path, String body) throws Exception {
        HttpResponse<String> response = live.client()
                .send(
                        HttpRequest.newBuilder(URI.create(live.base + path))
                                .header("Content-Type", "application/json")
                                .POST(HttpRequest.BodyPublishers.ofString(body))
                                .build(),
                        HttpResponse.BodyHandlers.ofString());
        assertThat(response.headers().firstValue("Content-Type").orElse("")).startsWith("text/event-stream");
        List<String> data = new ArrayList<>();
        for (String line : response.body().split("\n")) if (line.startsWith("data: ")) data.add(line.substring(6));
        return data;
    }

    @Test
    void errorsHaveOpenAisShape() {
        for (String wrong : List.of(
                "{\"max_tokens\":3}",
                "{\"prompt\":3}",
                "{\"prompt\":[1,\"a\"]}",
                "{\"prompt\":\"a\",\"logprobs\":101}",
                "{\"prompt\":\"a\",\"temperature\":\"hot\"}",
                "{\"prompt\":\"a\",\"stream\":1}",
                "{\"prompt\":[1,2,999999]}")) {
            refused(live.post(COMPLETIONS, wrong), 400);
        }
        JsonNode bias = refused(live.post(COMPLETIONS, "{\"prompt\":\"a\",\"logit_bias\":{\"5\":-100}}"), 422);
        assertThat(bias.path("param").asText()).isEqualTo("logit_bias");
        refused(live.post(COMPLETIONS, "{\"prompt\":\"a\",\"model\":\"nowhere\"}"), 404);
        refused(live.post(COMPLETIONS, "{\"prompt\":[1,2],\"model\":\"nowhere\",\"stream\":true}"), 404);
        refused(live.get("/v1/models/nowhere"), 404);
    }

    /** A steered answer is a run's with the same interventions, and what others read of the prompt before changes nothing. */
    @Test
    void interventionsAreOfOneRequest() {
        String along = "[{\"hook\":\"blocks.0.hook_resid_post\",\"op\":\"add_along\",\"features\":[0,3],"
                + "\"values\":[1.5,-2],\"value\":3}]";
        String steered = ",\"interventions\":" + along;
        for (String engine : List.of("torch", "onnx")) {
            String ask = "{\"model\":\"tiny@" + engine + "\",\"prompt\":[9,8,7,6,5,4],\"max_tokens\":3,\"logprobs\":2,"
                    + "\"echo\":true,\"temperature\":0,\"ignore_eos\":true";
            JsonNode first = choice(ask + steered + "}"); // before anything of this prompt is cached
            JsonNode plain = choice(ask + "}");
            JsonNode again = choice(ask + steered + "}");
            JsonNode after = choice(ask + "}");
            for (int i = 1; i < 9; i++) {
                double logprob = first.at("/logprobs/token_logprobs/" + i).asDouble();
                double unchanged = plain.at("/logprobs/token_logprobs/" + i).asDouble();
                assertThat(again.at("/logprobs/token_logprobs/" + i).asDouble()).isEqualTo(logprob, within(1e-4));
                assertThat(after.at("/logprobs/token_logprobs/" + i).asDouble()).isEqualTo(unchanged, within(1e-4));
                if (i < 6) assertThat(logprob).isNotCloseTo(unchanged, within(1e-3));
            }
            assertThat(again.path("text")).isEqualTo(first.path("text"));
            assertThat(after.path("text")).isEqualTo(plain.path("text"));
            JsonNode kept =
                    live.get("/api/v1/runs/" + again.path("run").asText()).json();
            assertThat(kept.at("/request/interventions/0/op").asText()).isEqualTo("add_along");
            assertThat(kept.at("/request/interventions/0/values/1").asDouble()).isEqualTo(-2);
            JsonNode own = live.post(
                            "/api/v1/runs",
                            "{\"model\":\"tiny\",\"engine\":\"" + engine
                                    + "\",\"tokens\":[9,8,7,6,5,4],\"interventions\":" + along
                                    + ",\"generate\":{\"max_new_tokens\":3,\"greedy\":true,\"ignore_eos\":true}}")
                    .json();
            for (int i = 0; i < 3; i++) {
                assertThat(again.at("/logprobs/token_logprobs/" + (6 + i)).asDouble())
                        .isEqualTo(own.at("/generation/steps/" + i + "/logprob").asDouble(), within(1e-4));
            }
        }
    }

    @Test
    void aConversationAndItsStreamAreSteered() throws Exception {
        String ask =
                "{\"messages\":[{\"role\":\"user\",\"content\":\"the cat\"}],\"max_tokens\":6,\"temperature\":0,\"ignore_eos\":true";
        String steered = ask + ",\"interventions\":[{\"hook\":\"blocks.1.hook_resid_post\",\"op\":\"add_along\","
                + "\"features\":[2],\"values\":[1],\"value\":50}]";
        JsonNode plain = live.post("/v1/chat/completions", ask + "}").json();
        JsonNode changed = live.post("/v1/chat/completions", steered + "}").json();
        String text = changed.at("/choices/0/message/content").asText();
        assertThat(text).isNotEqualTo(plain.at("/choices/0/message/content").asText());
        StringBuilder streamed = new StringBuilder();
        for (String event : events("/v1/chat/completions", steered + ",\"stream\":true}")) {
            if (!event.equals("[DONE]")) {
                streamed.append(Contract.JSON
                        .readTree(event)
                        .at("/choices/0/delta/content")
                        .asText(""));
            }
        }
        assertThat(streamed.toString()).isEqualTo(text);
        JsonNode vector = live.post("/v1/embeddings", "{\"input\":[[1,2]]}").json();
        JsonNode moved = live.post(
                        "/v1/embeddings",
                        "{\"input\":[[1,2]],\"interventions\":[{\"hook\":\"ln_final.hook_out\",\"op\":\"zero\"}]}")
                .json();
        assertThat(vector.at("/data/0/embedding/0").asDouble()).isNotZero();
        assertThat(moved.at("/data/0/embedding/0").asDouble()).isZero();
    }

    @Test
    void interventionsThatDoNotFitAreRefusedInOpenAisShape() {
        for (String wrong : List.of(
                "{}",
                "\"zero\"",
                "[3]",
                "[{\"hook\":\"blocks.0.hook_resid_post\"}]",
                "[{\"hook\":\"blocks.0.hook_resid_post\",\"op\":\"steer\"}]",
                "[{\"hook\":\"blocks.0.hook_resid_post\",\"op\":\"scale_along\",\"value\":0,\"values\":[1]}]",
                "[{\"hook\":\"blocks.0.hook_resid_post\",\"op\":\"zero\",\"strength\":1}]")) {
            for (String stream : List.of("", ",\"stream\":true")) {
                JsonNode error = refused(
                        live.post(COMPLETIONS, "{\"prompt\":[1,2]" + stream + ",\"interventions\":" + wrong + "}"),
                        400);
                assertThat(error.path("param").asText()).as(wrong).contains("interventions");
            }
        }
        refused(
                live.post(
                        COMPLETIONS,
                        "{\"prompt\":[1,2],\"interventions\":[{\"hook\":\"blocks.0.attn.hook_pattern\",\"op\":\"cap_along\","
                                + "\"value\":0,\"values\":[1]}]}"),
                422);
    }

    private static JsonNode refused(LiveServer.Answer answer, int status) {
        assertThat(answer.status()).as(answer.text()).isEqualTo(status);
        JsonNode error = answer.json().path("error");
        assertThat(error.path("type").asText()).isEqualTo("invalid_request_error");
        assertThat(error.path("message").asText()).isNotEmpty().doesNotContain("Exception");
        return error;
    }

    @Test
    void vectorsAreWhatTheRunHoldsThere() {
        JsonNode mean =
                live.post("/v1/embeddings", "{\"input\":[\"the cat\",[1,2]]}").json();
        assertThat(mean.path("data")).hasSize(2);
        JsonNode last = live.post(
                        "/v1/embeddings", "{\"input\":[[1,2]],\"pooling\":\"last\",\"encoding_format\":\"base64\"}")
                .json();
        ByteBuffer bytes = ByteBuffer.wrap(
                        Base64.getDecoder().decode(last.at("/data/0/embedding").asText()))
                .order(ByteOrder.LITTLE_ENDIAN);
        JsonNode kept = live.get(
                        "/api/v1/runs/" + mean.at("/data/1/run").asText() + "/captures/ln_final.hook_out",
                        "Accept",
                        "application/json")
                .json()
                .at("/values/0");
        for (int i = 0; i < kept.get(0).size(); i++) {
            double a = kept.get(0).get(i).asDouble();
            double b = kept.get(1).get(i).asDouble();
            assertThat(mean.at("/data/1/embedding/" + i).asDouble()).isEqualTo((a + b) / 2, within(1e-6));
            assertThat(bytes.getFloat()).isEqualTo((float) b, within(1e-6f));
        }
        refused(live.post("/v1/embeddings", "{\"input\":\"a\",\"hook\":\"blocks.0.attn.hook_pattern\"}"), 400);
        refused(live.post("/v1/embeddings", "{\"input\":\"a\",\"dimensions\":4}"), 422);
    }

    @Test
    void aRemoteTokenizerIsTheModels() {
        JsonNode info = live.get("/tokenizer_info").json();
        assertThat(info.has("eos_token")).isTrue();
        JsonNode own = live.post("/api/v1/tokenize", "{\"text\":\"the cat\",\"add_special_tokens\":false}")
                .json();
        JsonNode ids = live.post("/tokenize", "{\"prompt\":\"the cat\",\"add_special_tokens\":false}")
                .json();
        assertThat(ids.path("tokens").toString())
                .isEqualTo(own.path("tokens").findValuesAsText("id").toString().replace(" ", ""));
        assertThat(live.post("/detokenize", "{\"tokens\":" + ids.path("tokens") + "}")
                        .json()
                        .path("prompt")
                        .asText())
                .isEqualTo("the cat");
        live.post("/tokenize", "{}").problem(400);
        live.post("/detokenize", "{\"tokens\":[-5]}").problem(400);
    }

    /** The harness compares a token's log-probability with the largest listed, and keys what is listed by its text. */
    @Test
    void ofAHundredTheLeadingNumberIsTheTokensOwnAndNoTextHidesAnother() {
        int collisions = 0;
        int leading = 0;
        int id = 7;
        List<Integer> ids = new ArrayList<>(List.of(1));
        for (int i = 0; i < 12; i++) {
            ids.add(id);
            // Every second token is the most probable one, so that both kinds stand in the text.
            JsonNode next = choice("{\"prompt\":" + ids + ",\"max_tokens\":1,\"temperature\":0}");
            JsonNode run = live.get("/api/v1/runs/" + next.path("run").asText()).json();
            id = i % 2 == 0 ? run.at("/generation/steps/0/token/id").asInt() : 100 + 17 * i;
        }
        JsonNode own = live.post("/api/v1/logprobs", "{\"request\":{\"tokens\":" + ids + "},\"from\":1,\"top\":100}")
                .json()
                .path("tokens");
        JsonNode told = choice(
                        "{\"prompt\":" + ids + ",\"max_tokens\":1,\"logprobs\":100,\"echo\":true,\"temperature\":0}")
                .path("logprobs");
        for (int i = 1; i < ids.size(); i++) {
            JsonNode top = told.path("top_logprobs").get(i);
            assertThat(top).as("no text hides another").hasSize(100);
            double most = Double.NEGATIVE_INFINITY;
            for (JsonNode one : top) most = Math.max(most, one.asDouble());
            boolean leads = own.get(i - 1).path("rank").asInt() == 0;
            assertThat(told.path("token_logprobs").get(i).asDouble() == most)
                    .as("token " + i)
                    .isEqualTo(leads);
            if (leads) leading++;
            for (var named : top.properties()) if (named.getKey().startsWith("token_id:")) collisions++;
        }
        assertThat(leading).isBetween(3, ids.size() - 2);
        assertThat(collisions).as("bytes that are no characters read alike").isPositive();
    }

    @Test
    void aModelsNameSaysTheEngineToo() {
        String ask =
                "{\"prompt\":[1,2,3,4],\"max_tokens\":2,\"temperature\":0,\"echo\":true,\"logprobs\":1,\"model\":\"";
        JsonNode torch = choice(ask + "tiny@torch\"}");
        JsonNode onnx = choice(ask + "tiny@onnx@cpu\"}");
        assertThat(engine(torch)).isEqualTo("torch");
        assertThat(engine(onnx)).isEqualTo("onnx");
        assertThat(onnx.path("text")).isEqualTo(torch.path("text"));
        for (int i = 1; i < 4; i++) {
            assertThat(onnx.at("/logprobs/token_logprobs/" + i).asDouble())
                    .isEqualTo(torch.at("/logprobs/token_logprobs/" + i).asDouble(), within(1e-4));
        }
        JsonNode few = choice(ask + "tiny@onnx@int8\"}");
        JsonNode run = live.get("/api/v1/runs/" + few.path("run").asText()).json();
        assertThat(run.at("/request/precision").asText()).isEqualTo("int8");
        JsonNode as = live.post("/as/tiny/v1/completions", ask + "tiny@onnx\"}")
                .json()
                .at("/choices/0");
        assertThat(engine(as)).isEqualTo("onnx");
        refused(live.post("/as/blocks/v1/completions", ask + "tiny\"}"), 400);
        refused(live.post(COMPLETIONS, ask + "tiny@fast\"}"), 404);
        JsonNode info = live.get("/as/blocks/tokenizer_info").json();
        assertThat(info.path("model").asText()).isEqualTo("blocks");
        assertThat(info.path("chat_template").isNull()).isTrue();
    }

    private static String engine(JsonNode choice) {
        return live.get("/api/v1/runs/" + choice.path("run").asText())
                .json()
                .at("/engine/name")
                .asText();
    }

    /** What transformers' apply_chat_template wrote, by our golden of it. */
    @Test
    void toolsReachTheModelThroughItsTemplate() throws Exception {
        Path resources = Path.of("../inspector-core/src/test/resources");
        Path made = folder.resolve("models/caller");
        TinyModels.endless(folder.resolve("models"));
        Files.move(folder.resolve("models/endless"), made); // its tokenizer makes many tokens of a schema
        Files.copy(resources.resolve("tokenizers/spm/tokenizer.json"), made.resolve("tokenizer.json"));
        Files.copy(resources.resolve("chat/chatml/tokenizer_config.json"), made.resolve("tokenizer_config.json"));
        int compared = 0;
        for (JsonNode c : Contract.JSON
                .readTree(resources.resolve("chat/chatml/golden.json").toFile())
                .path("cases")) {
            JsonNode tools = c.at("/more/tools");
            boolean answer = c.path("add_generation_prompt").asBoolean();
            JsonNode messages = c.path("messages");
            String last = messages.path(messages.size() - 1).path("role").asText();
            if (!tools.isArray() || !c.has("text") || answer == last.equals("assistant")) continue;
            // OpenAI has a call's arguments as JSON in a text; the template is given what it says.
            for (JsonNode function : messages.findValues("function"))
                ((ObjectNode) function)
                        .put("arguments", function.path("arguments").toString());
            ObjectNode body = Contract.JSON.createObjectNode().put("model", "caller");
            body.set("messages", messages);
            body.set("tools", tools);
            body.put("max_tokens", 1);
            LiveServer.Answer answered = live.post("/v1/chat/completions", body.toString());
            assertThat(answered.status()).as(answered.text()).isEqualTo(200);
            JsonNode choice = answered.json().at("/choices/0");
            JsonNode run =
                    live.get("/api/v1/runs/" + choice.path("run").asText()).json();
            assertThat(run.at("/request/prompt").asText())
                    .isEqualTo(c.path("text").asText());
            compared++;
        }
        assertThat(compared).isEqualTo(2);
        JsonNode info = live.get("/tokenizer_info?model=caller").json();
        assertThat(info.path("chat_template").asText()).contains("tool_calls");
        String tool = "\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"look\"}}]";
        String say = "{\"messages\":[{\"role\":\"user\",\"content\":\"a\"}],\"max_tokens\":1," + tool;
        assertThat(refused(live.post("/v1/chat/completions", say + "}"), 422)
                        .path("param")
                        .asText())
                .isEqualTo("tools");
        assertThat(live.post("/v1/chat/completions", say + ",\"tool_choice\":\"none\"}")
                        .status())
                .isEqualTo(200);
        refused(live.post("/v1/chat/completions", say + ",\"tool_choice\":\"required\"}"), 422);
    }

    /** A harness that asks for much at once tries again only a few times. */
    @Test
    void whereTheQueueIsFullARequestWaits() throws Exception {
        try (LiveServer small = new LiveServer(folder.resolve("small"), 1, "127.0.0.1", null)) {
            ExecutorService clients = Executors.newCachedThreadPool();
            List<Future<LiveServer.Answer>> asked = new ArrayList<>();
            String body = "{\"prompt\":[1,2,3],\"max_tokens\":1,\"logprobs\":1,\"echo\":true,\"temperature\":0}";
            try (Holder held = new Holder(small)) {
                small.post("/api/v1/runs", LiveServer.TOKENS).problem(429);
                for (int i = 0; i < 6; i++) asked.add(clients.submit(() -> small.post(COMPLETIONS, body)));
                LiveServer.within(60, () -> small.inspector.queue().status().waiting() == 6);
                assertThat(asked).noneMatch(Future::isDone);
            }
            for (Future<LiveServer.Answer> one : asked) {
                LiveServer.Answer answer = one.get();
                assertThat(answer.status()).as(answer.text()).isEqualTo(200);
            }
            clients.shutdown();
            assertThat(small.inspector.queue().status().waiting()).isZero();
            assertThat(small.get("/metrics").text())
                    .contains("llm_inspector_runs_total{outcome=\"finished\"} 6.0")
                    .contains("llm_inspector_runs_total{outcome=\"refused\"} 1.0"); // the one above
        }
    }

    @Test
    void llamaCppsNamesAreUnderstood() {
        assertThat(live.get("/health").json().path("status").asText()).isEqualTo("ok");
        JsonNode props = live.get("/props").json();
        assertThat(props.at("/default_generation_settings/n_ctx").asInt()).isEqualTo(256);
        assertThat(props.path("bos_token").asText()).isEqualTo("<s>");
        JsonNode plain = live.post("/tokenize", "{\"content\":\"the cat\"}").json();
        JsonNode whole = live.post("/tokenize", "{\"content\":\"the cat\",\"add_special\":true}")
                .json();
        assertThat(whole.path("count").asInt()).isEqualTo(plain.path("count").asInt() + 1);
        assertThat(whole.at("/tokens/0").asInt()).isEqualTo(1);
        String text = live.post("/detokenize", "{\"tokens\":" + plain.path("tokens") + "}")
                .json()
                .path("content")
                .asText();
        assertThat(text).isEqualTo("the cat");
        live.post("/tokenize", "{\"content\":\"a\",\"with_pieces\":true}").problem(422);
        // The harness gives a conversation in the place of a prompt; vLLM calls it messages.
        String turns = "[{\"role\":\"user\",\"content\":\"a\"}]";
        assertThat(live.post("/tokenize", "{\"prompt\":" + turns + "}").json())
                .isEqualTo(
                        live.post("/tokenize", "{\"messages\":" + turns + "}").json());
    }
}
