package org.llminspector.web.server;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;

/** What is asked of causal analyses. */
final class LabContract {

    private LabContract() {}

    static void analyses(LiveServer live) {
        String pair = "\"clean\":{\"tokens\":[1,20,33,40,51]},\"corrupt\":{\"tokens\":[1,20,60,40,51]},"
                + "\"metric\":{\"name\":\"logit\",\"answer_ids\":[5]}";
        for (String kind : new String[] {
            "\"patch\"",
            "\"attribution\",\"measured\":3",
            "\"path\",\"cells\":[{\"hook\":\"hook_embed\"}]",
            "\"edges\",\"steps\":2,\"measured\":3"
        }) {
            LiveServer.Answer made = live.post("/api/v1/analyses", "{\"kind\":" + kind + "," + pair + "}");
            assertThat(made.status()).as(made.text()).isEqualTo(201);
            assertThat(made.json().path("invariants"))
                    .allMatch(i -> i.path("holds").asBoolean());
            assertThat(live.get(made.header("Location")).json()).isEqualTo(made.json());
        }
        JsonNode restored = live.post("/api/v1/analyses", """
                {"kind":"restore","clean":{"prompt":"the cat"},"corrupt":{"engine":"onnx","precision":"int4_32"}}""").json();
        assertThat(restored.at("/restored/mended").asBoolean()).isTrue();
        String streamed = live.post(
                        "/api/v1/analyses", "{\"kind\":\"patch\"," + pair + "}", "Accept", "text/event-stream")
                .text();
        assertThat(streamed).contains("event: queued", "event: progress", "event: done");
        JsonNode listed = live.get("/api/v1/analyses").json().path("analyses");
        assertThat(listed).hasSize(6);
        String one = "/api/v1/analyses/" + listed.get(0).path("id").asText();
        live.post(one + "/cancel", "").problem(409);
        live.send("DELETE", one, null);
        live.get(one).problem(404);
        live.post("/api/v1/analyses", "{\"kind\":\"patch\"}").problem(400);
        live.post("/api/v1/analyses", "{\"kind\":\"guess\"," + pair + "}").problem(400);
    }
}
