package org.llminspector.web.server;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;

/** What is asked of a model's answers: sampling, OpenAI's routes, learning. */
final class AnswerContract {

    private AnswerContract() {}

    static void sampling(LiveServer live) {
        String run = live.run("{\"prompt\":\"the cat\",\"generate\":{\"max_new_tokens\":4}}");
        String branch = "{\"branch\":{\"run\":\"" + run + "\",\"position\":-2}";
        JsonNode made = live.post(
                        "/api/v1/runs", branch + ",\"generate\":{\"max_new_tokens\":2,\"presence_penalty\":0.5}}")
                .json();
        assertThat(made.at("/timings/reused_positions").asInt()).isPositive();
        assertThat(made.at("/request/branch/run").asText()).isEqualTo(run);
        JsonNode three = live.post(
                        "/api/v1/continuations",
                        "{\"request\":" + branch + ",\"generate\":{\"temperature\":1,\"max_new_tokens\":2}},\"n\":3}")
                .json();
        assertThat(three.path("continuations")).hasSize(3);
        live.post("/api/v1/continuations", "{\"request\":" + branch + "},\"n\":101}")
                .problem(400);
        live.post("/api/v1/continuations", "{\"request\":{\"branch\":{\"run\":\"" + run + "\",\"position\":99}}}")
                .problem(400);
        live.post("/api/v1/continuations", "{\"request\":{\"prompt\":\"a\",\"branch\":{\"run\":\"" + run + "\"}}}")
                .problem(400);
        JsonNode scored = live.post("/api/v1/logprobs", "{\"request\":{\"prompt\":\"the\"},\"text\":\" cat\"}")
                .json();
        assertThat(scored.path("logprob").asDouble()).isNegative();
        assertThat(scored.at("/tokens/0/alternatives")).hasSize(5);
        live.post("/api/v1/logprobs", "{\"request\":{\"prompt\":\"the\"},\"top\":101}")
                .problem(400);
        String ask =
                "{\"request\":{\"prompt\":\"the\",\"generate\":{\"temperature\":0.5,\"top_k\":4}},\"dtype\":\"f16\"}";
        JsonNode probs = live.post("/api/v1/distribution", ask, "Accept", "application/json")
                .json();
        assertThat(probs.path("values")).hasSize(probs.at("/shape/0").asInt());
        assertThat(live.post("/api/v1/distribution", ask).header("X-Dtype")).isEqualTo("f16");
        live.post("/api/v1/distribution", "{\"request\":{\"prompt\":\"a\"},\"of\":\"odds\"}")
                .problem(400);
    }

    static void openAi(LiveServer live) {
        live.get("/v1/models");
        live.get("/v1/models/tiny");
        live.post("/v1/completions", "{\"prompt\":\"the cat\",\"max_tokens\":2,\"logprobs\":2,\"echo\":true}");
        live.post(
                "/v1/chat/completions",
                "{\"model\":\"tiny\",\"messages\":[{\"role\":\"user\",\"content\":\"a\"}],\"max_tokens\":2}");
        live.post("/v1/embeddings", "{\"input\":\"the cat\"}");
        live.get("/tokenizer_info");
        live.post("/tokenize", "{\"prompt\":\"the cat\"}");
        live.post("/detokenize", "{\"tokens\":[1,2]}");
        live.post("/as/tiny/v1/completions", "{\"prompt\":[1,2],\"max_tokens\":1}");
        live.get("/as/tiny/tokenizer_info");
        live.post("/as/tiny/tokenize", "{\"prompt\":\"the cat\"}");
        live.post("/as/tiny/detokenize", "{\"tokens\":[1,2]}");
        live.get("/health");
        live.get("/props");
    }

    static void learning(LiveServer live) {
        JsonNode gradients = live.post(
                        "/api/v1/gradients", "{\"prompt\":\"the cat\",\"hooks\":[\"hook_embed\"],\"values\":true}")
                .json();
        assertThat(gradients.at("/hooks/0/values"))
                .hasSize(gradients.path("tokens").size() * 64);
        assertThat(gradients.at("/parameters/0/norm").asDouble()).isPositive();
        LiveServer.Answer file = live.post(
                "/api/v1/gradients",
                "{\"model\":\"bare\",\"tokens\":[1,2,3],\"targets\":[{\"token\":4,\"of\":\"logit\"}],\"hooks\":[\"logits\"]}",
                "Accept",
                "application/octet-stream");
        assertThat(new String(file.bytes(), 8, 60, java.nio.charset.StandardCharsets.UTF_8))
                .contains("__metadata__");
        live.post("/api/v1/gradients", "{\"tokens\":[1],\"targets\":[{\"token\":99999}]}")
                .problem(400);

        JsonNode paths = live.post("/api/v1/optimizers", """
                        {"surface":{"function":"rosenbrock"},"start":[-1,2],"steps":30,"grid":{"low":-2,"high":2,"n":5},
                         "optimizers":[{"kind":"sgd","learning_rate":0.001},{"kind":"adam","learning_rate":0.1}]}""").json();
        assertThat(paths.at("/paths/1/points")).hasSize(31);
        assertThat(paths.path("values")).hasSize(5);
        JsonNode real = live.post("/api/v1/optimizers", """
                        {"surface":{"loss":{"tokens":[1,2,3,4,5,6]}},"start":[0.3,-0.2],"steps":4,
                         "optimizers":[{"kind":"sgd","learning_rate":0.001}]}""").json();
        double first = real.at("/paths/0/points/0/value").asDouble();
        assertThat(real.at("/paths/0/points/4/value").asDouble()).isLessThan(first);

        String learner = live.post("/api/v1/learners", "{\"model\":\"tiny\"}")
                .json()
                .path("id")
                .asText();
        assertThat(live.get("/api/v1/learners").json().at("/learners/0/id").asText())
                .isEqualTo(learner);
        String at = "/api/v1/learners/" + learner;
        String step = "{\"tokens\":[1,2,3,4,5,6],\"optimizer\":\"sgd\",\"learning_rate\":0.003}";
        JsonNode once = live.post(at + "/steps", step).json();
        assertThat(once.path("loss_after").asDouble())
                .isLessThan(once.path("loss_before").asDouble());
        assertThat(live.post(at + "/undo", "").json().path("step").asInt()).isZero();
        assertThat(live.post(at + "/steps", step).json()).isEqualTo(once);
        JsonNode preferred = live.post(at + "/steps", """
                        {"tokens":[1,2,3],"preference":{"chosen":{"tokens":[4,5]},"rejected":{"tokens":[6]}}}""").json();
        assertThat(preferred.at("/preference/chosen/by_token")).hasSize(2);
        live.get(at);
        live.send("DELETE", at, null);
        live.get(at).problem(404);
        JsonNode apart = live.post("/api/v1/distances", """
                        {"a":{"tokens":[1,2,3]},"b":{"interventions":[{"hook":"blocks.1.hook_mlp_out","op":"zero"}]}}""").json();
        assertThat(apart.at("/hooks/1/relative_l2").asDouble()).isZero();
        assertThat(apart.at("/hooks/2/relative_l2").asDouble()).isPositive();
        assertThat(apart.at("/hooks/2/by_position")).hasSize(3);
        JsonNode lesson = live.post("/api/v1/lessons", """
                        {"model":"tiny","messages":[{"role":"user","content":"the cat"},{"role":"assistant","content":"sat"}]}""").json();
        assertThat(lesson.at("/lessons/0/learnt").asInt()).isPositive();
        live.post("/api/v1/lessons", "{\"model\":\"tiny\",\"conversation\":0,\"preference\":0}")
                .problem(400);
        JsonNode other = live.post("/api/v1/learners", "{\"model\":\"bare\"}").json(); // of GPT-2's shape
        assertThat(other.path("parameters").asLong()).isPositive();
        live.send("DELETE", "/api/v1/learners/" + other.path("id").asText(), null);
    }
}
