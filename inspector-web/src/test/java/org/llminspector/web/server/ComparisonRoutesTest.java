package org.llminspector.web.server;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.net.URI;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

/** Comparisons over HTTP: their numbers, events, results, and refusals. */
public class ComparisonRoutesTest extends LiveTest {

    private static final String CUT = """
            {"a":{"prompt":"the cat sat"},
             "b":{"interventions":[{"hook":"blocks.1.attn.hook_z","op":"zero","heads":[2]}]},
             "options":{"cost":false}}""";

    @Test
    void aCutHeadIsInTheHeatmapAndInTheCell() {
        JsonNode m = live.post("/api/v1/comparisons", CUT).json();
        String at = "/api/v1/comparisons/" + m.path("id").asText();
        assertThat(m.at("/firsts/0/hook").asText()).isEqualTo("blocks.1.attn.hook_z");
        JsonNode heads = live.get(at + "/divergence?point=attn.hook_z&metric=head", "Accept", "application/json")
                .json();
        assertThat(heads.at("/values/1/2/0").asDouble()).isEqualTo(1);
        assertThat(heads.at("/values/1/1/0").asDouble()).isZero();
        assertThat(heads.at("/values/0/2/0").asDouble()).isZero();
        JsonNode rows = live.get(at + "/divergence?point=hook_resid_post", "Accept", "application/json")
                .json();
        assertThat(rows.at("/values/0/0").asDouble()).isZero();
        assertThat(rows.at("/values/1/0").asDouble()).isPositive();
        String cell = at + "/cells/blocks.1.attn.hook_z?pos=0&side=";
        JsonNode a = live.get(cell + "a", "Accept", "application/json").json();
        JsonNode b = live.get(cell + "b", "Accept", "application/json").json();
        JsonNode d = live.get(cell + "difference", "Accept", "application/json").json();
        assertThat(a.path("axes").toString()).isEqualTo("[\"head\",\"d_head\"]");
        assertThat(a.at("/values/2/3").asDouble()).isNotZero();
        assertThat(b.at("/values/2/3").asDouble()).isZero();
        assertThat(d.at("/values/2/3").asDouble())
                .isEqualTo(-a.at("/values/2/3").asDouble());
        JsonNode tokens = live.get(at + "/tokens").json().path("tokens");
        assertThat(tokens.size()).isEqualTo(m.at("/a/tokens").size());
        assertThat(tokens.at("/0/kl").asDouble()).isPositive();
        List<String> flips = live.get(at + "/flips.csv").text().lines().toList();
        long turns = 0;
        for (JsonNode t : tokens) if (!t.path("same_top").asBoolean()) turns++;
        assertThat(flips).hasSize((int) turns + 1);
        assertThat(flips.get(0)).startsWith("position,context,next,kl_nats,top_a_id");
        String html = live.get(at + "/report.html").text();
        assertThat(html).contains("blocks.1.attn.hook_z").doesNotContain("<script");
        live.get(at + "/divergence?point=attn.hook_zz").problem(400);
        live.get(at + "/divergence?point=hook_resid_post&metric=head").problem(400);
        live.get(at + "/cells/blocks.1.attn.hook_z?pos=99").problem(400);
        live.get(at + "/cells/blocks.1.attn.hook_z?side=c").problem(400);
        live.get(at + "/cells/blocks.1.attn.hook_result").problem(404);
        live.get(at + "/tokens?part=verse").problem(400);
    }

    @Test
    void modulesAreRankedAndAPlanIsSuggested() {
        String ask = """
                {"a":{"engine":"onnx","prompt":"the cat sat on the mat"},"b":{"engine":"onnx","precision":"int4_32"},
                 "options":{"cost":false,"split":false},"sensitivity":{"by":"layer","budget_bytes":100000000}}""";
        JsonNode m = live.post("/api/v1/comparisons", ask).json();
        String at = "/api/v1/comparisons/" + m.path("id").asText();
        JsonNode s = m.path("sensitivity");
        assertThat(s.path("modules").size()).isEqualTo(5);
        assertThat(s.at("/start/mean_kld/value").asDouble())
                .isEqualTo(m.at("/prompt/mean_kld/value").asDouble())
                .isPositive();
        String csv = live.get(at + "/sensitivity.csv").text();
        assertThat(csv.lines()).hasSize(6);
        assertThat(csv.lines().skip(1).findFirst().orElseThrow())
                .startsWith(s.at("/modules/0/module").asText() + ",restore,");
        assertThat(live.get(at + "/report.html").text()).contains("What each module is worth", "precision_plan");
        String plan = s.at("/plan/precision_plan").toString();
        JsonNode run = live.post(
                        "/api/v1/runs", "{\"engine\":\"onnx\",\"prompt\":\"the\",\"precision_plan\":" + plan + "}")
                .json();
        assertThat(run.at("/request/precision_plan").toString()).isEqualTo(plan);
        JsonNode other = live.post("/api/v1/comparisons", CUT).json();
        live.get("/api/v1/comparisons/" + other.path("id").asText() + "/sensitivity.csv")
                .problem(404);
        String torch = "{\"a\":{\"prompt\":\"the\"},\"b\":{\"precision\":\"fp16\"},\"sensitivity\":{}}";
        assertThat(live.post("/api/v1/comparisons", torch)
                        .problem(422)
                        .path("where")
                        .asText())
                .contains("b.engine");
    }

    @Test
    void itTellsOfItselfAndCanBeCancelled() throws Exception {
        List<String> events = new ArrayList<>();
        try (BufferedReader lines = stream(CUT)) {
            JsonNode done = null;
            for (String line = lines.readLine(); line != null; line = lines.readLine()) {
                if (line.startsWith("event: ")) events.add(line.substring(7));
                if (line.startsWith("data: ")) done = Contract.JSON.readTree(line.substring(6));
            }
            live.contract.validate(
                    "#/components/schemas/ComparisonManifest", Contract.JSON.writeValueAsBytes(done), "done");
        }
        assertThat(events).contains("progress");
        events.removeIf("progress"::equals); // the first of them before the start, where a model is still opened
        assertThat(events).containsExactly("queued", "started", "done");

        String text = "the cat and the dog and ".repeat(400);
        String longOne =
                "{\"a\":{},\"b\":{\"precision\":\"fp16\"},\"text\":\"" + text + "\",\"options\":{\"window\":16}}";
        String last = null;
        int progress = 0;
        try (BufferedReader lines = stream(longOne)) {
            String id = null;
            for (String line = lines.readLine(); line != null; line = lines.readLine()) {
                if (line.startsWith("event: ")) last = line.substring(7);
                if (!line.startsWith("data: ")) continue;
                byte[] data = line.substring(6).getBytes(StandardCharsets.UTF_8);
                if (id == null) id = Contract.JSON.readTree(data).path("id").asText();
                if (!"progress".equals(last)) continue;
                live.contract.validate("#/components/schemas/ComparisonProgress", data, "progress");
                if (++progress == 5) {
                    assertThat(live.post("/api/v1/comparisons/" + id + "/cancel", "")
                                    .status())
                            .isEqualTo(202);
                }
            }
            assertThat(last).isEqualTo("error");
            live.get("/api/v1/comparisons/" + id).problem(404);
        }
    }

    @Test
    void whatIsWrongIsSaid() {
        assertThat(live.post("/api/v1/comparisons", "{\"a\":{}}")
                        .problem(400)
                        .path("where")
                        .asText())
                .isEqualTo("b");
        live.post("/api/v1/comparisons", "{\"a\":{},\"b\":{}}").problem(400);
        live.post("/api/v1/comparisons", "{\"a\":{\"tokens\":[1,2]},\"b\":{\"model\":\"bare\"}}")
                .problem(422);
        live.post("/api/v1/comparisons", "{\"a\":{\"tokens\":[1,2]},\"b\":{\"tokens\":[1]}}")
                .problem(400);
        live.post("/api/v1/comparisons", "{\"a\":{\"tokens\":[1,2]},\"b\":{},\"options\":{\"top\":0}}")
                .problem(400);
        assertThat(live.post("/api/v1/comparisons", "{\"a\":{},\"b\":{},\"text_tokens\":[1,999999]}")
                        .problem(400)
                        .path("where")
                        .asText())
                .isEqualTo("text_tokens[1]");
        live.get("/api/v1/comparisons/20261125-003512-417-a1b2c3").problem(404);
        live.get("/api/v1/comparisons/..").problem(400);
        live.send("DELETE", "/api/v1/comparisons/20261125-003512-417-a1b2c3", null)
                .problem(404);
    }

    private static BufferedReader stream(String body) throws IOException, InterruptedException {
        HttpResponse<java.io.InputStream> answer = live.client()
                .send(
                        HttpRequest.newBuilder(URI.create(live.base + "/api/v1/comparisons"))
                                .header("Accept", "text/event-stream")
                                .POST(HttpRequest.BodyPublishers.ofString(body))
                                .build(),
                        HttpResponse.BodyHandlers.ofInputStream());
        assertThat(answer.statusCode()).isEqualTo(200);
        return new BufferedReader(new InputStreamReader(answer.body(), StandardCharsets.UTF_8));
    }
}
