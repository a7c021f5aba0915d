package org.llminspector.web.server;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.stream.Collectors;
import java.util.stream.IntStream;

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
        fits(live);
        String streamed = live.post(
                        "/api/v1/analyses", "{\"kind\":\"patch\"," + pair + "}", "Accept", "text/event-stream")
                .text();
        assertThat(streamed).contains("event: queued", "event: progress", "event: done");
        JsonNode listed = live.get("/api/v1/analyses").json().path("analyses");
        assertThat(listed).hasSize(10);
        String one = "/api/v1/analyses/" + listed.get(0).path("id").asText();
        live.post(one + "/cancel", "").problem(409);
        live.send("DELETE", one, null);
        live.get(one).problem(404);
        live.post("/api/v1/analyses", "{\"kind\":\"patch\"}").problem(400);
        live.post("/api/v1/analyses", "{\"kind\":\"guess\"," + pair + "}").problem(400);
    }

    /** Kinds with one run: neither corrupt nor metric. */
    private static void fits(LiveServer live) {
        String run = "\"clean\":{\"tokens\":[1,20,33,40,51]}";
        String texts = "[{\"tokens\":[1,20,33,40]},{\"tokens\":[1,60,34,41]},{\"tokens\":[1,21,35,42]}]";
        String labels = IntStream.range(0, 12)
                .mapToObj(i ->
                        "{\"tokens\":[1," + (20 + i) + "," + (i % 2 == 0 ? 40 : 50) + "],\"label\":\"" + i % 2 + "\"}")
                .collect(Collectors.joining(",", "[", "]"));
        String pairs = IntStream.range(0, 4)
                .mapToObj(
                        i -> "{\"tokens\":[1," + (20 + i) + "],\"source_tokens\":[1," + (30 + i) + "],\"answer_id\":7}")
                .collect(Collectors.joining(",", "[", "]"));
        String cell = "[{\"hook\":\"blocks.1.attn.hook_attn_scores\",\"heads\":[0],\"positions\":[-1],\"keys\":[2]}]";
        String[][] asked = {
            {"/score/parts", "{\"kind\":\"qk\"," + run + ",\"cells\":" + cell + "}"},
            {"/lens/rows", "{\"kind\":\"lens\",\"convention\":\"jacobian\"," + run + ",\"examples\":" + texts + "}"},
            {"/probes/probes", "{\"kind\":\"probe\",\"rank\":2,\"examples\":" + labels + "}"},
            {
                "/subspace/arms",
                "{\"kind\":\"interchange\",\"rank\":2,\"steps\":2,\"layers\":[0],\"examples\":" + pairs + "}"
            }
        };
        for (String[] each : asked) {
            LiveServer.Answer made = live.post("/api/v1/analyses", each[1]);
            assertThat(made.status()).as(made.text()).isEqualTo(201);
            assertThat(made.json().at(each[0])).isNotEmpty();
            assertThat(made.json().has("metric")).isFalse();
            assertThat(made.json().path("invariants"))
                    .allMatch(i -> i.path("holds").asBoolean());
            assertThat(live.get(made.header("Location")).json()).isEqualTo(made.json());
        }
        live.post("/api/v1/analyses", "{\"kind\":\"qk\"," + run + ",\"corrupt\":{}}")
                .problem(400);
        live.post("/api/v1/analyses", "{\"kind\":\"probe\"}").problem(400);
    }
}
