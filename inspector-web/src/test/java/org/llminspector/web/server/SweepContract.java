package org.llminspector.web.server;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.llminspector.base.Json;

/** Sweeps, evaluations, and what they tell of a run and of weights. */
final class SweepContract {

    private SweepContract() {}

    static void sweeps(LiveServer live) throws IOException {
        Path corpora = Files.createDirectories(live.corpora);
        Files.writeString(corpora.resolve("cats.txt"), "the cat sat on the mat\n\na cat\n\nthe mat\n");
        live.get("/api/v1/sweeps");
        live.get("/api/v1/sweeps/none").problem(404);
        String request = "{\"corpus\":{\"path\":\"cats.txt\",\"paragraphs\":true},\"window\":8,"
                + "\"reduce\":[\"loss\",\"moments\",\"top\",\"histogram\",\"imatrix\"],\"shard_windows\":1}";
        live.post("/api/v1/sweeps", request.replace("cats.txt", "../runs")).problem(404);
        live.post("/api/v1/sweeps", request.replace("cats.txt", "/etc/passwd")).problem(404);
        Path outside = Files.writeString(corpora.resolveSibling("outside.txt"), "the cat");
        Files.createSymbolicLink(corpora.resolve("link.txt"), outside);
        live.post("/api/v1/sweeps", request.replace("cats.txt", "link.txt")).problem(404);
        live.post("/api/v1/sweeps", request.replace("moments", "moment")).problem(400);
        live.post("/api/v1/sweeps", "{}").problem(400);
        String id = live.post("/api/v1/sweeps", request).json().path("id").asText();
        String at = "/api/v1/sweeps/" + id;
        assertThat(live.get(at, "Accept", "text/event-stream").text()).contains("event: done");
        JsonNode sweep = live.get(at).json();
        assertThat(sweep.path("state").asText()).isEqualTo("finished");
        assertThat(sweep.path("parts")).isEqualTo(sweep.path("of"));
        assertThat(sweep.at("/sweep/documents").asInt()).isEqualTo(3);
        assertThat(sweep.at("/loss/perplexity").asDouble()).isGreaterThan(1);
        JsonNode results = live.get(at + "/results").json().path("results");
        assertThat(results).hasSizeGreaterThan(10);
        String hook = "blocks.1.mlp.hook_post";
        String mean = at + "/results/moments?name=" + hook + "/mean";
        JsonNode means = live.get(mean, "Accept", "application/json").json().path("values");
        live.get(mean, "Accept", "application/x-npy");
        String parquet = "application/vnd.apache.parquet";
        for (String table : List.of(mean, at + "/results/moments?name=" + hook, at + "/results/loss?name=window")) {
            String bytes = new String(
                    live.get(table, "Accept", parquet).bytes(), java.nio.charset.StandardCharsets.ISO_8859_1);
            assertThat(bytes).startsWith("PAR1").endsWith("PAR1").contains("LLM Inspector");
        }
        live.get(at + "/results/histogram?name=" + hook, "Accept", parquet).problem(400);
        live.get(at + "/results/moments?name=none", "Accept", parquet).problem(404);
        live.get(at + "/results/moments", "Accept", parquet).problem(400);
        live.get(at + "/results/moments?name=none", "Accept", "application/json")
                .problem(404);
        live.get(at + "/results/moments", "Accept", "application/json").problem(400);
        live.get(at + "/results/heads").problem(404);
        assertThat(live.get(at + "/results/loss").bytes()).hasSizeGreaterThan(100);
        JsonNode unit = live.get(at + "/units/" + hook + "/3").json();
        assertThat(unit.path("mean").asDouble()).isEqualTo(means.get(3).asDouble());
        JsonNode best = unit.at("/high/0");
        assertThat(best.path("value")).isEqualTo(unit.path("max"));
        assertThat(best.path("tokens")
                        .get(best.path("position").asInt())
                        .path("text")
                        .asText())
                .isNotEmpty();
        // The corpus has the name that it was asked for by, not its path on this machine.
        String imatrix =
                new String(live.get(at + "/imatrix.gguf").bytes(), java.nio.charset.StandardCharsets.ISO_8859_1);
        assertThat(imatrix).startsWith("GGUF").contains("cats.txt").doesNotContain(corpora.toString());
        live.get(at + "/units/" + hook + "/100000").problem(404);
        importances(live, id);
        JsonNode tokens =
                live.get(at + "/tokens?by=mean&order=least&least=2&limit=3").json();
        assertThat(tokens.path("tokens")).hasSizeBetween(1, 3);
        assertThat(tokens.at("/tokens/0/count").asInt()).isGreaterThan(1);
        assertThat(tokens.path("sum").asDouble())
                .isCloseTo(
                        sweep.at("/loss/loss").asDouble()
                                * sweep.at("/loss/tokens").asInt(),
                        within(1e-6));
        live.get(at + "/tokens?by=name").problem(400);
        live.get(at + "/tokens?least=0").problem(400);
        String run = live.post("/api/v1/runs", "{\"prompt\":\"the cat\"}")
                .json()
                .path("id")
                .asText();
        JsonNode evidence = live.post(
                        "/api/v1/evidence/unit", "{\"run\":\"" + run + "\",\"hook\":\"" + hook + "\",\"unit\":3}")
                .json();
        assertThat(evidence.path("unit")).isEqualTo(unit);
        assertThat(evidence.at("/from/sweep").asText()).isEqualTo(id);
        live.post("/api/v1/evidence/unit", "{\"run\":\"" + run + "\",\"hook\":\"" + hook + "\",\"unit\":99999}")
                .problem(404);
        assertThat(live.post("/api/v1/evidence/loss", "{\"run\":\"" + run + "\"}")
                        .json()
                        .path("loss"))
                .isEqualTo(live.get(at).json().path("loss"));
        // This sweep kept no heads.
        assertThat(live.post("/api/v1/evidence/heads", "{\"run\":\"" + run + "\"}")
                        .json())
                .isEmpty();
        live.post("/api/v1/evidence/heads", "{\"run\":\"none\"}").problem(400);
        live.get(at + "/units/hook_embed/0").problem(404);
        live.post(at + "/stop", "").problem(409);
        live.post(at + "/resume", "");
        live.get(at, "Accept", "text/event-stream");
        assertThat(live.get("/api/v1/sweeps").json().path("sweeps")).hasSize(1);
        live.send("DELETE", at, null);
        live.get(at).problem(404);

        String over = "{\"a\":{\"engine\":\"onnx\"},\"b\":{\"engine\":\"onnx\",\"precision\":\"int8\"},"
                + "\"corpus\":{\"path\":\"cats.txt\",\"paragraphs\":true},\"options\":{\"cost\":false,\"window\":8}}";
        live.post("/api/v1/comparisons", over.replace("cats.txt", "../runs")).problem(404);
        live.post("/api/v1/comparisons", over.replace("cats.txt", "link.txt")).problem(404);
        JsonNode compared = live.post("/api/v1/comparisons", over).json();
        assertThat(compared.at("/corpus/texts/path").asText()).isEqualTo("cats.txt");
        assertThat(compared.at("/corpus/documents").asInt()).isEqualTo(3);
        String kept = "/api/v1/comparisons/" + compared.path("id").asText();
        assertThat(live.get(kept).json()).isEqualTo(compared);
        assertThat(live.get(kept + "/report.html").text()).contains("Over a corpus", "cats.txt:1");
        live.send("DELETE", kept, null);

        String pair = request.replace("{\"corpus\"", "{\"b\":{\"engine\":\"onnx\",\"precision\":\"int8\"},\"corpus\"");
        String both = "/api/v1/sweeps/"
                + live.post("/api/v1/sweeps", pair).json().path("id").asText();
        live.get(both, "Accept", "text/event-stream");
        JsonNode divergence = live.get(both).json().path("divergence");
        assertThat(divergence.at("/mean_kld/high").asDouble())
                .isGreaterThanOrEqualTo(divergence.at("/mean_kld/value").asDouble());
        assertThat(divergence.path("worst")).hasSize(3);

        evaluation(live);
        live.get(both + "/evaluation.jsonl").problem(404);

        String many = "{\"corpus\":{\"path\":\"tales:train\",\"documents\":2000},\"window\":16,\"shard_windows\":1}";
        String stopped = "/api/v1/sweeps/"
                + live.post("/api/v1/sweeps", many).json().path("id").asText();
        live.post("/api/v1/sweeps", request).problem(409);
        live.send("DELETE", stopped, null).problem(409);
        assertThat(live.post(stopped + "/stop", "").json().path("state").asText())
                .isIn("stopping", "stopped");
        assertThat(live.get(stopped, "Accept", "text/event-stream").text()).contains("event: done");
        assertThat(live.get(stopped).json().path("state").asText()).isEqualTo("stopped");
        live.get(stopped + "/results").problem(409);
        live.send("DELETE", stopped, null);
    }

    /** A file of tasks, scored: the summary, and a line for each task. */
    static void evaluation(LiveServer live) throws IOException {
        Files.writeString(live.corpora.resolve("tasks.jsonl"), """
                {"id": "two", "context": "the cat", "choices": [" sat", " mat"], "answer": 1}
                {"context": "the cat", "continuation": " sat on the mat"}
                no task
                """);
        String request = "{\"corpus\":{\"path\":\"tasks.jsonl\",\"skip_bad\":true},\"reduce\":[\"loglikelihood\"]}";
        String at = "/api/v1/sweeps/"
                + live.post("/api/v1/sweeps", request).json().path("id").asText();
        assertThat(live.get(at, "Accept", "text/event-stream").text()).contains("event: done");
        JsonNode sweep = live.get(at).json();
        assertThat(sweep.at("/sweep/bad_lines").asInt()).isEqualTo(1);
        JsonNode choices = sweep.at("/evaluation/choices");
        assertThat(choices.path("lines").asInt()).isEqualTo(1);
        assertThat(choices.path("chance").asDouble()).isEqualTo(0.5);
        List<JsonNode> tasks = new ArrayList<>();
        for (String line : live.get(at + "/evaluation.jsonl").text().split("\n"))
            tasks.add(Json.mapper().readTree(line));
        assertThat(tasks).hasSize(2);
        assertThat(tasks.get(0).path("id").asText()).isEqualTo("two");
        assertThat(choices.at("/acc/value").asInt())
                .isEqualTo(tasks.get(0).path("by_logprob").asInt());
        assertThat(sweep.at("/evaluation/continuations/logprob/value").asDouble())
                .isEqualTo(tasks.get(1).at("/logprob/0").asDouble());
        live.send("DELETE", at, null);
    }

    /** Quantization errors weighted by a sweep, and by its file. */
    static void importances(LiveServer live, String sweep) throws IOException {
        Files.write(
                live.corpora.resolve("im.gguf"),
                live.get("/api/v1/sweeps/" + sweep + "/imatrix.gguf").bytes());
        String model = "/api/v1/models/tiny";
        String report = model + "/quantization?scheme=int4&imatrix=";
        JsonNode newest = live.get(report + "newest").json();
        assertThat(newest.at("/importance/source").asText()).isEqualTo("sweep " + sweep);
        assertThat(newest.at("/importance/corpora/0").asText()).isEqualTo("cats.txt");
        assertThat(newest.at("/error/weighted/relative").asDouble()).isPositive();
        assertThat(live.get(report + sweep).json()).isEqualTo(newest);
        JsonNode file = live.get(report + "im.gguf").json();
        assertThat(file.at("/importance/source").asText()).isEqualTo("im.gguf");
        assertThat(file.at("/weights/0/name")).isEqualTo(newest.at("/weights/0/name"));
        JsonNode one = live.get(model + "/tensors/blocks.1.mlp.out.weight/statistics?scheme=int4&imatrix=newest")
                .json();
        assertThat(one.at("/schemes/0/error/weighted/relative").asDouble()).isPositive();
        live.get(report + "none.gguf").problem(404);
        live.get(report + "../outside.gguf").problem(404);
        live.get(report + "cats.txt").problem(404);
        live.get("/api/v1/models/bare/quantization?scheme=int4&imatrix=" + sweep)
                .problem(409);
        live.get("/api/v1/models/blocks/quantization?scheme=int4&imatrix=newest")
                .problem(404);
    }
}
