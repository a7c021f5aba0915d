package org.llminspector.web.server;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import org.llminspector.web.TinyModels;

/** What is asked of a run and of a model's parts: hooks, neurons, heads, positions, costs, tokens. */
final class InspectContract {

    private InspectContract() {}

    /** Recaptures a run made with logits alone, and compares it with the one that captured all. */
    static void extend(LiveServer live, String all) {
        String some = live.run("{\"prompt\":\"the cat\",\"capture\":[\"logits\"]}");
        String captures = "/api/v1/runs/" + some + "/captures";
        String ask = "{\"capture\":[\"blocks.*.attn.hook_pattern\"],\"positions\":\"-1\"";
        JsonNode plan = live.post(captures, ask + ",\"dry_run\":true}").json();
        assertThat(plan.path("hooks")).hasSizeGreaterThan(1);
        live.post(captures, ask + ",\"max_bytes\":" + (plan.path("bytes").asLong() - 1) + "}")
                .problem(413);
        assertThat(live.post(captures, ask + "}").status()).isEqualTo(201);
        JsonNode recapture = live.get("/api/v1/runs/" + some).json().at("/recaptures/0");
        assertThat(recapture.at("/agreement/of").asText()).isEqualTo("logits");
        String hook = captures + "/blocks.1.attn.hook_pattern";
        LiveServer.Answer there = live.get(hook, "Accept", "application/json");
        assertThat(there.json().at("/positions/stop")).isEqualTo(recapture.at("/positions/stop"));
        assertThat(there.header("Cache-Control")).doesNotContain("immutable");
        LiveServer.Answer last = live.get(hook + "?query=-1&head=0", "Accept", "application/json");
        assertThat(last.header("Cache-Control")).contains("immutable");
        assertThat(last.json().path("values").get(0).get(0))
                .isEqualTo(there.json().path("values").get(0).get(0));
        live.get(hook + "?query=0").problem(404);
        live.post(captures, "{\"capture\":[]}").problem(400);
        JsonNode reads =
                live.post("/api/v1/reads", "{\"run\":\"" + some + "\"}").json();
        assertThat(reads.path("heads")).hasSizeGreaterThan(plan.path("hooks").size());
        live.post("/api/v1/reads", "{\"run\":\"" + some + "\",\"query\":0}").problem(400);
        live.get("/api/v1/runs/" + some + "/export");
        live.get("/api/v1/runs/" + some + "/export?format=npz");
        JsonNode shift = live.post("/api/v1/shift", "{\"run\":\"" + some + "\",\"after\":\"" + all + "\",\"top\":3}")
                .json();
        assertThat(shift.path("moved")).hasSize(3);
        assertThat(shift.path("kl").asDouble())
                .as("the other has half a head less")
                .isPositive();
        live.post("/api/v1/shift", "{\"run\":\"" + some + "\",\"after\":\"" + some + "\",\"top\":0}")
                .problem(400);
        live.send("DELETE", "/api/v1/runs/" + some, null);
        live.post(captures, ask + "}").problem(404);
    }

    static void directions(LiveServer live) {
        String at = "\"hook\":\"blocks.1.hook_resid_post\"";
        JsonNode d = live.post(
                        "/api/v1/directions",
                        "{\"positive\":[\"the cat\",[5,6,7]],\"negative\":[\"a dog\"]," + at + ",\"pos\":-2}")
                .json();
        assertThat(d.path("positive")).hasSize(2);
        assertThat(d.path("negative")).hasSize(1);
        String change = "[{" + at + ",\"op\":\"scale_along\",\"value\":0,\"values\":" + d.path("values") + "}]";
        live.send("DELETE", "/api/v1/runs/" + live.run("{\"tokens\":[5,6],\"interventions\":" + change + "}"), null);
        for (String wrong : new String[] {
            "{\"negative\":[\"a\"]," + at + "}",
            "{\"positive\":[],\"negative\":[\"a\"]," + at + "}",
            "{\"positive\":[7],\"negative\":[\"a\"]," + at + "}",
            "{\"positive\":[\"b\"],\"negative\":[[\"a\"]]," + at + "}",
            "{\"positive\":[\"b\"],\"negative\":[[-1]]," + at + "}",
            "{\"positive\":[\"b\"],\"negative\":[\"b\"]," + at + "}",
            "{\"positive\":[\"b\"],\"negative\":[\"a\"]," + at + ",\"pos\":99}",
            "{\"positive\":[\"b\"],\"negative\":[\"a\"],\"hook\":\"blocks.0.attn.hook_pattern\"}",
            "{\"positive\":[\"b\"],\"negative\":[\"a\"],\"hook\":\"blocks.*.hook_resid_post\"}"
        }) {
            live.post("/api/v1/directions", wrong).problem(400);
        }
    }

    static void neurons(LiveServer live) {
        String run = live.run("{\"prompt\":\"the cat\"}");
        String here = "{\"run\":\"" + run + "\",\"layer\":1";
        JsonNode neuron =
                live.post("/api/v1/neuron", here + ",\"neuron\":5,\"top\":4}").json();
        assertThat(neuron.at("/sums/0/sum/inputs")).hasSize(4);
        assertThat(neuron.path("raised")).hasSize(4);
        live.post("/api/v1/neuron", here + ",\"neuron\":50000}").problem(400);
        live.post("/api/v1/neuron", here + "}").problem(400);
        JsonNode over = live.post("/api/v1/neuron/activations", "{\"layer\":0,\"neuron\":1,\"text\":\"the cat\"}")
                .json();
        assertThat(over.path("values")).hasSize(over.path("tokens").asInt());
        live.post("/api/v1/neuron/activations", "{\"model\":\"bare\",\"layer\":0,\"neuron\":1,\"text\":\"a\"}")
                .problem(422);
        assertThat(live.post("/api/v1/feedforward", here + ",\"top\":3}").json().path("strongest"))
                .hasSize(3);
        live.post("/api/v1/feedforward", here + ",\"top\":0}").problem(400);
        String near = "/api/v1/embeddings/neighbours";
        JsonNode found = live.post(near, "{\"of\":{\"plus\":[5,9],\"minus\":[7]},\"metric\":\"dot\",\"top\":3}")
                .json();
        assertThat(found.path("left_out")).hasSize(3);
        String vector = "{\"run\":\"" + run + "\",\"hook\":\"blocks.0.hook_resid_post\"}";
        live.post(near, "{\"table\":\"unembed\",\"of\":{\"vector\":" + vector + "}}");
        live.post(near, "{\"of\":{}}").problem(400);
        live.post(near, "{\"of\":{\"plus\":[100000]}}").problem(400);
        JsonNode map = live.post("/api/v1/embeddings/map", "{\"ids\":[3,4,5,6],\"vectors\":[" + vector + "]}")
                .json();
        assertThat(map.path("points")).hasSize(4);
        live.post("/api/v1/embeddings/map", "{\"ids\":[3]}").problem(400);
        assertThat(live.post("/api/v1/embeddings/norms", "{\"bins\":7}").json().path("counts"))
                .hasSize(7);
        String waves = "/api/v1/embeddings/waves";
        JsonNode clock = live.post(waves, "{\"period\":12,\"planes\":1}").json();
        assertThat(clock.path("waves")).hasSize(6);
        assertThat(clock.findValues("at")).hasSize(1);
        live.post(waves, "{}").problem(400);
        live.post(waves, "{\"period\":2}").problem(400);
    }

    static void heads(LiveServer live, String run) {
        String here = "{\"run\":\"" + run + "\"";
        JsonNode heads = live.post("/api/v1/heads", here + "}").json().path("heads");
        assertThat(heads).hasSizeGreaterThan(1);
        assertThat(heads.get(0).at("/stripes/previous").asDouble()).isBetween(0.0, 1.0);
        JsonNode repeated =
                live.post("/api/v1/heads/repeated", "{\"length\":6}").json();
        assertThat(repeated.path("heads")).hasSize(heads.size());
        live.post("/api/v1/heads/repeated", "{\"length\":1}").problem(400);
        JsonNode effects =
                live.post("/api/v1/heads/effects", here + ",\"against\":5}").json();
        assertThat(effects.path("against").asInt()).isEqualTo(5);
        assertThat(effects.path("parts")).hasSizeGreaterThan(heads.size());
        live.post("/api/v1/heads/effects", here + ",\"token\":100000}").problem(400);
        String head = "{\"layer\":1,\"head\":0";
        JsonNode circuits = live.post("/api/v1/heads/circuits", head + ",\"ids\":[5],\"top\":3}")
                .json();
        assertThat(circuits.at("/of/0/writes")).hasSize(3);
        assertThat(circuits.at("/seeks/pairs")).hasSize(3);
        live.post("/api/v1/heads/circuits", head + ",\"top\":0}").problem(400);
        assertThat(live.post("/api/v1/heads/compositions", head + "}").json().path("from"))
                .isNotEmpty();
        String patterns = "/api/v1/runs/" + run + "/patterns";
        LiveServer.Answer all = live.get(patterns + "?size=2", "Accept", "application/json");
        assertThat(all.json().at("/shape/3").asInt()).isEqualTo(2);
        assertThat(all.header("Cache-Control")).contains("immutable");
        JsonNode tile = live.get(patterns + "/1/0?query=1:3&key=0:2", "Accept", "application/json")
                .json();
        assertThat(tile.at("/values/1")).hasSize(2);
        live.get(patterns + "/99/0").problem(400);
        live.get(patterns + "?size=1000").problem(400);
    }

    static void effective(LiveServer live) throws IOException {
        TinyModels.recurrent(LiveTest.folder.resolve("models"));
        JsonNode run = live.post(
                        "/api/v1/runs", "{\"model\":\"recurrent\",\"tokens\":[5,9,2,7],\"capture\":[\"logits\"]}")
                .json();
        assertThat(run.at("/model/mixers/0/0").asText()).isEqualTo("mamba2");
        String path = "/api/v1/runs/" + run.path("id").asText() + "/effective/";
        LiveServer.Answer answer = live.get(path + "1?head=0:2&query=-1", "Accept", "application/json");
        assertThat(answer.json().at("/shape").toString()).isEqualTo("[2,1,4]");
        assertThat(answer.json().at("/first_query").asInt()).isEqualTo(3);
        assertThat(answer.json().at("/half_lives/0").asDouble()).isPositive();
        assertThat(answer.header("Cache-Control")).contains("immutable");
        live.get(path + "1?head=99", "Accept", "application/json").problem(400);
        live.get(path + "2", "Accept", "application/json").problem(422);
    }

    static void positions(LiveServer live) {
        JsonNode schemes = live.get("/api/v1/models/tiny/positions?length=9").json();
        assertThat(schemes.at("/schemes/0/kind").asText()).isEqualTo("rope");
        live.get("/api/v1/models/tiny/positions?length=100000").problem(400);
        String run = live.run("{\"prompt\":\"the cat sat\"}");
        String here = "{\"run\":\"" + run + "\"";
        JsonNode heads = live.post("/api/v1/positions/heads", here + ",\"most\":8}")
                .json()
                .path("heads");
        assertThat(heads).hasSizeGreaterThan(1);
        String head = here + ",\"layer\":1,\"head\":2";
        JsonNode d =
                live.post("/api/v1/positions/distances", head + ",\"most\":8}").json();
        assertThat(d.path("curve")).hasSize(9);
        live.post("/api/v1/positions/distances", head + ",\"query\":1,\"key\":2}")
                .problem(400);
        JsonNode shift =
                live.post("/api/v1/positions/shift", here + ",\"by\":5}").json();
        assertThat(shift.path("max_difference").asDouble()).isLessThan(1e-3);
        live.post("/api/v1/positions/shift", here + ",\"by\":0}").problem(400);
    }

    static void costs(LiveServer live) {
        JsonNode cost = live.post("/api/v1/cost", "{\"past\":10}").json();
        assertThat(cost.at("/parts/0/part").asText()).isEqualTo("embed");
        assertThat(cost.at("/contexts")).isNotEmpty();
        live.post("/api/v1/cost", "{\"past\":-1}").problem(400);
        live.post("/api/v1/cost", "{\"contexts\":[0]}").problem(400);
        String ask = "{\"request\":{\"prompt\":\"the cat\"";
        JsonNode times = live.post("/api/v1/timeline", ask + "},\"repeats\":2}").json();
        assertThat(times.at("/decode/fused/runs").asInt()).isEqualTo(2);
        live.post("/api/v1/timeline", ask + ",\"engine\":\"onnx\"}}").problem(422);
        live.post("/api/v1/timeline", ask + ",\"capture\":[\"logits\"]}}").problem(422);
        live.post("/api/v1/timeline", ask + "},\"repeats\":65}").problem(400);
        JsonNode bench = live.post("/api/v1/benchmarks", ask + "},\"contexts\":[4,8],\"new_tokens\":2}")
                .json();
        assertThat(bench.at("/points/1/without_cache/runs").asInt()).isEqualTo(2);
        assertThat(bench.at("/points/1/kv_cache/positions").asInt()).isEqualTo(10);
        live.post("/api/v1/benchmarks", ask + "},\"contexts\":[0]}").problem(400);
        live.post("/api/v1/benchmarks/none/cancel", "").problem(404);
    }

    static void tokenizations(LiveServer live) {
        JsonNode side = live.post(
                        "/api/v1/tokenizations",
                        "{\"text\":\"the cat\",\"trace\":true,\"with\":[{\"model\":\"tiny\"},{\"encoding\":\"o200k_base\"}]}")
                .json();
        JsonNode own = side.at("/tokenizations/0");
        assertThat(own.path("ids")).hasSize(own.path("count").asInt());
        assertThat(own.at("/parts/0/source").asText()).isEqualTo("tokenizer"); // BOS
        assertThat(own.at("/merges/0/merges")).isNotEmpty();
        assertThat(side.at("/tokenizations/1/count").asInt()).isEqualTo(2);
        assertThat(side.at("/tokenizations/1/merges/1/merges")).isNotEmpty();
        assertThat(live.post("/api/v1/tokenizations", "{\"text\":\"the cat\"}")
                        .json()
                        .at("/tokenizations/0/model")
                        .asText())
                .isEqualTo("tiny");
        live.post("/api/v1/tokenizations", "{\"text\":\"a\",\"with\":[]}").problem(400);
        live.post("/api/v1/tokenizations", "{\"text\":\"a\",\"with\":[{\"model\":\"bare\"}]}")
                .problem(422);
        live.post("/api/v1/tokenizations", "{\"text\":\"a\",\"with\":[{\"encoding\":\"o200k_base\",\"chat\":true}]}")
                .problem(422);
        live.post(
                        "/api/v1/tokenizations",
                        "{\"text\":\"a\",\"with\":[{\"encoding\":\"o200k_base\",\"model\":\"tiny\"}]}")
                .problem(400);
    }
}
