package org.llminspector.web.server;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/** A model is trained over REST: listed, stopped, resumed, and opened at its checkpoints. */
class TrainingTest extends LiveTest {

    private static final String JOBS = "/api/v1/training-jobs";

    private static String recipe(int steps) {
        return """
                {"name":"recipe","task":"modular_addition","modulus":7,"train_share":0.5,"steps":%d,"learning_rate":0.01,
                 "warmup_steps":0,"validate_every":2,"save_every":4,"checkpoint_steps":[0,2],"dtype":"f32",
                 "model":{"d_model":16,"n_layers":1,"n_heads":2,"n_kv_heads":2,"d_mlp":16,"context":4}}""".formatted(steps);
    }

    private static JsonNode begin(String name, int steps) {
        LiveServer.Answer begun = live.post(JOBS, "{\"recipe\":" + recipe(steps) + ",\"name\":\"" + name + "\"}");
        assertThat(begun.status()).as(begun.text()).isEqualTo(201);
        assertThat(begun.header("Location")).isEqualTo(JOBS + "/" + name);
        return begun.json();
    }

    /** The job's events until it ends: the answer to a look that lasts. */
    private static List<JsonNode> events(String name) throws IOException, InterruptedException {
        HttpResponse<Stream<String>> response = live.client()
                .send(
                        HttpRequest.newBuilder(URI.create(live.base + JOBS + "/" + name))
                                .header("Accept", "text/event-stream")
                                .build(),
                        HttpResponse.BodyHandlers.ofLines());
        assertThat(response.headers().firstValue("Content-Type").orElse("")).startsWith("text/event-stream");
        List<JsonNode> data = new ArrayList<>();
        for (String line : (Iterable<String>) response.body()::iterator) {
            if (line.startsWith("data: ")) data.add(Contract.JSON.readTree(line.substring(6)));
        }
        return data;
    }

    @Test
    void whatWasTrainedIsAModelWithACurveAndEarlierStates() throws Exception {
        begin("sums", 6);
        JsonNode done = lastOf(events("sums"));
        assertThat(done.path("state").asText()).as(done.toString()).isEqualTo("finished");
        assertThat(done.path("step").asInt()).isEqualTo(6);
        assertThat(done.at("/sittings/0/step").asInt(-1)).isZero();
        JsonNode learner = done.at("/sittings/0/learner");
        assertThat(learner.path("device").asText()).matches("cpu|cuda:[0-9]+");
        assertThat(done.has("differs"))
                .as("only AVX2's kernels gave the shipped losses")
                .isEqualTo(!learner.has("instructions"));
        assertThat(live.get(JOBS).json().at("/jobs").findValuesAsText("id")).contains("sums");

        JsonNode curve = live.get("/api/v1/models/sums/curve").json();
        assertThat(curve.path("step")).hasToString("[0,1,2,3,4,5,6]");
        assertThat(curve.at("/loss/0").isNull()).isTrue(); // no training yet
        assertThat(curve.at("/val_loss/1").isNull()).isTrue(); // no validation
        assertThat(curve.at("/val_loss/2").asDouble()).isBetween(0.1, 10.0);
        assertThat(curve.at("/loss/6").asDouble())
                .isLessThan(curve.at("/loss/1").asDouble());
        assertThat(live.get(JOBS + "/sums/curve").json()).isEqualTo(curve);
        JsonNode thin = live.get("/api/v1/models/sums/curve?points=2").json();
        assertThat(thin.path("step")).hasToString("[0,1,2,4,6]"); // looked at, kept, and the first and last update
        assertThat(thin.at("/loss/1")).isEqualTo(curve.at("/loss/1"));
        live.get("/api/v1/models/sums/curve?points=1").problem(400);

        JsonNode waves =
                live.post("/api/v1/embeddings/waves", "{\"model\":\"sums\"}").json();
        assertThat(waves.path("period").asInt()).as("the recipe's modulus").isEqualTo(7);
        assertThat(waves.path("waves")).hasSize(3);

        JsonNode clock = live.post("/api/v1/clock", "{\"model\":\"sums\",\"second\":3,\"top\":2}")
                .json();
        assertThat(clock.path("answers")).hasSize(7);
        int rights = 0;
        for (int a = 0; a < 7; a++) if (clock.at("/answers/" + a).asInt() == (a + 3) % 7) rights++;
        assertThat(clock.path("right").asInt()).isEqualTo(rights);
        JsonNode purest = clock.at("/strongest/0");
        assertThat(purest.path("share").asDouble()).isBetween(1 / 3.0, 1.0); // of three speeds
        String run = live.run("{\"model\":\"sums\",\"tokens\":[5,3,7],\"capture\":[\"blocks.0.mlp.hook_post\"]}");
        String there = "/captures/blocks.0.mlp.hook_post?pos=2&feature="
                + purest.path("neuron").asInt();
        JsonNode value = live.get("/api/v1/runs/" + run + there, "Accept", "application/json")
                .json()
                .path("values");
        while (value.isArray()) value = value.get(0);
        assertThat(purest.at("/values/5").asDouble()).isCloseTo(value.asDouble(), within(1e-5));
        live.post("/api/v1/clock", "{\"model\":\"sums\",\"second\":7}").problem(400);
        live.post("/api/v1/clock", "{\"model\":\"tiny\"}").problem(422);

        JsonNode kept = live.get("/api/v1/models/sums/checkpoints").json().path("checkpoints");
        assertThat(kept.findValuesAsText("slug")).containsExactly("sums@0", "sums@2");
        assertThat(kept.at("/1/val_loss")).isEqualTo(curve.at("/val_loss/2"));
        List<String> listed = live.get("/api/v1/models").json().path("models").findValuesAsText("slug");
        assertThat(listed).contains("sums").doesNotContain("sums@2");
        JsonNode earlier = live.get("/api/v1/models/sums@2").json().path("summary");
        assertThat(earlier.path("checkpoint_of").asText()).isEqualTo("sums");
        assertThat(earlier.path("step").asInt()).isEqualTo(2);
        assertThat(live.get("/api/v1/models/sums@2/curve").json().path("step")).isEqualTo(curve.path("step"));
        live.get("/api/v1/models/sums@3").problem(404);
        live.get("/api/v1/models/tiny/curve").problem(404);

        String last = live.run("{\"model\":\"sums\",\"tokens\":[1,2,7]}");
        String first = live.run("{\"model\":\"sums@0\",\"tokens\":[1,2,7]}");
        assertThat(sha256(first)).isNotEqualTo(sha256(last));

        live.post(JOBS, "{\"recipe\":" + recipe(6) + ",\"name\":\"sums\"}").problem(409);
        live.post(JOBS + "/sums/resume", null).problem(409);
        live.post(JOBS + "/sums/stop", null).problem(409);
    }

    private static String sha256(String run) {
        return live.get("/api/v1/runs/" + run)
                .json()
                .at("/model/weights_sha256")
                .asText();
    }

    @Test
    void aTrainedModelIsDeletedAndAnotherOfItsNameIsThere() throws Exception {
        begin("again", 2);
        events("again");
        String before = sha256(live.run("{\"model\":\"again\",\"tokens\":[1,2,7]}"));
        assertThat(live.send("DELETE", JOBS + "/again", null).status()).isEqualTo(204);
        live.get(JOBS + "/again").problem(404);
        live.send("DELETE", JOBS + "/again", null).problem(404);
        live.get("/api/v1/models/again").problem(404);
        begin("again", 3);
        events("again");
        assertThat(sha256(live.run("{\"model\":\"again\",\"tokens\":[1,2,7]}"))).isNotEqualTo(before);
        begin("endless", 1_000_000);
        live.send("DELETE", JOBS + "/endless", null).problem(409);
        live.post(JOBS + "/endless/stop", null);
        events("endless");
        assertThat(live.send("DELETE", JOBS + "/endless", null).status()).isEqualTo(204);
    }

    @Test
    void oddFoldersSpoilNoList() throws Exception {
        begin("odd", 2);
        events("odd");
        Path trained = folder.resolve("trained");
        for (String name : List.of("odd copy", ".hidden", "ödd", "half")) {
            Path copy = Files.createDirectories(trained.resolve(name));
            Files.copy(trained.resolve("odd/recipe.json"), copy.resolve("recipe.json"));
        }
        Files.writeString(trained.resolve("half/recipe.json"), "{\"name\":");
        JsonNode jobs = live.get(JOBS).json().path("jobs");
        assertThat(jobs.findValuesAsText("id")).contains("odd", "half").doesNotContain("odd copy", ".hidden");
        for (JsonNode job : jobs) {
            if (!job.path("id").asText().equals("half")) continue;
            assertThat(job.path("state").asText()).isEqualTo("failed");
            assertThat(job.path("trouble").asText()).contains("recipe.json");
        }
        live.get("/api/v1/models");
    }

    private static JsonNode lastOf(List<JsonNode> data) {
        return data.get(data.size() - 1);
    }

    @Test
    void aJobIsStoppedAndGoesOnAndOthersWait() throws Exception {
        begin("long", 100_000);
        live.post(JOBS, "{\"recipe\":" + recipe(6) + ",\"name\":\"second\"}").problem(409);
        live.run("{\"tokens\":[1,2,3]}"); // between two steps
        live.post(JOBS + "/long/stop", null);
        JsonNode stopped = lastOf(events("long"));
        assertThat(stopped.path("state").asText()).as(stopped.toString()).isEqualTo("stopped");
        int step = stopped.path("step").asInt();
        assertThat(step).isBetween(1, 99_999);
        String before = sha256(live.run("{\"model\":\"long\",\"tokens\":[1,2,7]}"));

        live.post(JOBS + "/long/resume", null);
        while (live.get(JOBS + "/long").json().path("step").asInt() <= step) Thread.sleep(20);
        live.post(JOBS + "/long/stop", "");
        JsonNode further = lastOf(events("long"));
        assertThat(further.path("step").asInt()).isGreaterThan(step);
        JsonNode steps = live.get(JOBS + "/long/curve").json().path("step");
        assertThat(steps).hasSize(further.path("step").asInt() + 1); // no gap, none twice
        assertThat(sha256(live.run("{\"model\":\"long\",\"tokens\":[1,2,7]}"))).isNotEqualTo(before);
    }

    @Test
    void aJobWithAnotherModelsTokenizerGoesOn() throws Exception {
        String recipe = """
                {"name":"tales","task":"pretrain","corpus":"tales","tokenizer":"tiny","steps":100000,"sequence":16,"micro_batch":2,
                 "batch":2,"learning_rate":0.01,"warmup_steps":0,"save_every":4,"dtype":"f32",
                 "model":{"d_model":16,"n_layers":1,"n_heads":2,"n_kv_heads":2,"d_mlp":16,"context":16}}""";
        LiveServer.Answer begun = live.post(JOBS, "{\"recipe\":" + recipe + "}");
        assertThat(begun.status()).as(begun.text()).isEqualTo(201);
        while (live.get(JOBS + "/tales").json().path("step").asInt() < 1) Thread.sleep(20);
        live.post(JOBS + "/tales/stop", null);
        int step = lastOf(events("tales")).path("step").asInt();
        assertThat(live.get(JOBS + "/tales").json().at("/recipe/tokenizer").asText())
                .as("told by its root's name")
                .isEqualTo("tiny");

        LiveServer.Answer resumed = live.post(JOBS + "/tales/resume", null);
        assertThat(resumed.status()).as(resumed.text()).isEqualTo(200);
        while (live.get(JOBS + "/tales").json().path("step").asInt() <= step) Thread.sleep(20);
        live.post(JOBS + "/tales/stop", null);
        assertThat(lastOf(events("tales")).path("state").asText()).isEqualTo("stopped");
    }

    @Test
    void aModelIsReadWhileItTrains() throws Exception {
        begin("half", 100_000);
        try {
            while (!live.get(JOBS + "/half").json().path("opens").asBoolean()) Thread.sleep(20);
            int step = live.get(JOBS + "/half").json().path("step").asInt();
            Set<String> seen = new HashSet<>();
            for (int i = 0; i < 5; i++) {
                seen.add(sha256(live.run("{\"model\":\"half\",\"tokens\":[1,2,7]}")));
                int reached = step;
                while (live.get(JOBS + "/half").json().path("step").asInt() < reached + 8)
                    Thread.sleep(20); // saved anew
                step += 8;
            }
            assertThat(seen).as("weights that were read").hasSizeGreaterThan(1);
            assertThat(live.get(JOBS + "/half").json().path("state").asText()).isEqualTo("running");
        } finally {
            live.post(JOBS + "/half/stop", null);
            events("half");
        }
    }

    @Test
    void whatCannotBeTrainedIsRefused() {
        live.post(JOBS, "{\"name\":\"x\"}").problem(400);
        live.post(JOBS, "{\"config\":\"name: a\\nsteps: 3\\nmodulus: [\"}").problem(400);
        live.post(JOBS, "{\"config\":\"name: a\\nnonsense: 3\"}").problem(400);
        live.post(JOBS, "{\"recipe\":" + recipe(6) + ",\"name\":\"../up\"}").problem(400);
        live.post(JOBS, "{\"recipe\":" + recipe(6) + ",\"name\":\"tiny\"}").problem(409);
        live.post(JOBS, "{\"recipe\":" + recipe(6).replace("0.01", "-1") + ",\"name\":\"b\"}")
                .problem(400);
        live.post(JOBS, """
                {"recipe":{"name":"c","corpus":"/etc/passwd","steps":2,"batch":1,"learning_rate":0.1,
                 "model":{"d_model":16,"n_layers":1,"n_heads":2,"n_kv_heads":2,"d_mlp":16,"context":4}}}""").problem(422);
    }
}
