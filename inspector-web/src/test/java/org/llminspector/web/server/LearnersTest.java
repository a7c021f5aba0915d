package org.llminspector.web.server;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import java.net.URI;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

/** Learners have limits like runs: their number, one operation at a time, and a Problem for each excess. */
class LearnersTest extends LiveTest {

    private static final String LEARNERS = "/api/v1/learners";

    @Test
    void fourLearnersAreOpenAndNoMore() {
        List<String> ids = new ArrayList<>();
        for (int i = 0; i < 4; i++) {
            ids.add(live.post(LEARNERS, "{\"model\":\"tiny\"}")
                    .json()
                    .path("id")
                    .asText());
        }
        JsonNode refused = live.post(LEARNERS, "{\"model\":\"tiny\"}").problem(409);
        assertThat(refused.path("found").asText()).contains(ids.get(0));
        JsonNode listed = live.get(LEARNERS).json().path("learners");
        assertThat(listed.findValuesAsText("id")).containsExactlyElementsOf(ids);
        String step = "{\"tokens\":[1,2,3,4],\"steps\":3}";
        assertThat(live.post(LEARNERS + "/" + ids.get(0) + "/steps", step)
                        .json()
                        .path("step")
                        .asInt())
                .isEqualTo(3);
        JsonNode info = live.get(LEARNERS + "/" + ids.get(0)).json();
        assertThat(info.path("step").asInt()).isEqualTo(3);
        assertThat(info.path("undoable").asInt()).isEqualTo(3);
        assertThat(live.post(LEARNERS + "/" + ids.get(0) + "/undo", null)
                        .json()
                        .path("undoable")
                        .asInt())
                .isEqualTo(2);
        live.post(LEARNERS + "/" + ids.get(1) + "/steps", "{\"tokens\":[1,2],\"steps\":101}")
                .problem(400);
        for (String id : ids) {
            assertThat(live.send("DELETE", LEARNERS + "/" + id, null).status()).isEqualTo(204);
        }
        live.post(LEARNERS + "/" + ids.get(0) + "/steps", step).problem(404);
        assertThat(live.get(LEARNERS).json().path("learners")).isEmpty();
    }

    /**
     * Trains on the last token only; the losses of other tokens are reported before and after, and undo restores the
     * same losses.
     */
    @Test
    void oneTokenIsLearntAndOthersAreWatched() {
        String id =
                live.post(LEARNERS, "{\"model\":\"tiny\"}").json().path("id").asText();
        String step = "{\"tokens\":[1,5,9,7],\"from\":-1,\"optimizer\":\"sgd\",\"learning_rate\":0.5,"
                + "\"watch\":[{\"tokens\":[1,5,9,7],\"from\":3},{\"tokens\":[1,5,9,8],\"from\":3},{\"tokens\":[4,4,4]}]}";
        JsonNode first = live.post(LEARNERS + "/" + id + "/steps", step).json();
        JsonNode watched = first.path("watched");
        assertThat(watched.get(0).path("before").asDouble())
                .isEqualTo(first.path("loss_before").asDouble());
        assertThat(watched.get(0).path("after").asDouble())
                .isEqualTo(first.path("loss_after").asDouble());
        assertThat(first.path("loss_after").asDouble())
                .isLessThan(first.path("loss_before").asDouble());
        assertThat(watched.get(1).path("after").asDouble())
                .isNotEqualTo(watched.get(1).path("before").asDouble());
        JsonNode loss = live.post(
                        "/api/v1/gradients", "{\"model\":\"tiny\",\"tokens\":[1,5,9],\"targets\":[{\"token\":7}]}")
                .json();
        assertThat(first.path("loss_before").asDouble())
                .isCloseTo(loss.path("value").asDouble(), org.assertj.core.api.Assertions.within(1e-5));
        live.post(LEARNERS + "/" + id + "/undo", null).json();
        JsonNode again = live.post(LEARNERS + "/" + id + "/steps", step).json();
        assertThat(again.path("watched")).isEqualTo(watched);
        live.post(LEARNERS + "/" + id + "/steps", "{\"tokens\":[1,5],\"from\":2}")
                .problem(400);
        assertThat(live.send("DELETE", LEARNERS + "/" + id, null).status()).isEqualTo(204);
    }

    @Test
    void manyDescentsAndGradientsAtOnceAreAnsweredOrToldToComeBack() {
        String descent = "{\"surface\":{\"loss\":{\"tokens\":[1,2,3]}},\"start\":[0.5,0.5],\"steps\":3,"
                + "\"optimizers\":[{\"kind\":\"adam\",\"learning_rate\":0.1}]}";
        List<CompletableFuture<HttpResponse<String>>> all = IntStream.range(0, 40)
                .mapToObj(i -> i % 2 == 0
                        ? sent("/api/v1/optimizers", descent)
                        : sent("/api/v1/gradients", "{\"tokens\":[1,2,3]}"))
                .toList();
        assertThat(live.get("/api/v1/health").status()).isEqualTo(200);
        assertThat(live.get(LEARNERS).status()).isEqualTo(200);
        List<HttpResponse<String>> answers =
                all.stream().map(CompletableFuture::join).toList();
        assertThat(answers).allSatisfy(a -> assertThat(a.statusCode()).isIn(200, 429));
        assertThat(answers).anySatisfy(a -> assertThat(a.statusCode()).isEqualTo(200));
        assertThat(live.inspector.queue().status().waiting()).isZero();
    }

    private static CompletableFuture<HttpResponse<String>> sent(String path, String body) {
        return live.client()
                .sendAsync(
                        HttpRequest.newBuilder(URI.create(live.base + path))
                                .POST(HttpRequest.BodyPublishers.ofString(body))
                                .build(),
                        HttpResponse.BodyHandlers.ofString());
    }
}
