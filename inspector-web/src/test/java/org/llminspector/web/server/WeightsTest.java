package org.llminspector.web.server;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.llminspector.base.Tensor;
import org.llminspector.checkpoint.SafetensorsFile;

/** Weights over HTTP: formats, schemes, blocks, whole models. */
class WeightsTest extends LiveTest {

    private static final String Q = "model.layers.0.self_attn.q_proj.weight";
    private static final String TENSOR = "/api/v1/models/tiny/tensors/" + Q;

    private static JsonNode json(String path) {
        LiveServer.Answer answer = live.get(path, "Accept", "application/json");
        assertThat(answer.status()).as(answer.text()).isEqualTo(200);
        return answer.json();
    }

    private static List<Float> flat(JsonNode values) {
        List<Float> all = new ArrayList<>();
        if (!values.isArray()) return List.of(values.floatValue());
        values.forEach(v -> all.addAll(flat(v)));
        return all;
    }

    @Test
    void aSliceDecodesAsItsCodesScalesAndZeroPointsSay() {
        JsonNode s = json(TENSOR + "?scheme=int4-g32-asym&rows=2:4&cols=30:34");

        assertThat(s.at("/scheme/name").asText()).isEqualTo("int4-g32-asym");
        assertThat(s.path("rows").toString()).isEqualTo("[2,4]");
        assertThat(s.path("group_size").asInt()).isEqualTo(32);
        assertThat(flat(s.path("scales"))).hasSize(4);
        for (int r = 0; r < 2; r++) {
            for (int c = 0; c < 4; c++) {
                int g = (30 + c) / 32;
                float scale = s.path("scales").path(r).path(g).floatValue();
                int zero = s.path("zero_points").path(r).path(g).asInt();
                float decoded = scale * (s.path("codes").path(r).path(c).asInt() - zero);
                assertThat(s.path("decoded").path(r).path(c).floatValue()).isEqualTo(decoded);
                float value = s.path("values").path(r).path(c).floatValue();
                assertThat(s.path("error").path(r).path(c).floatValue()).isEqualTo(decoded - value);
            }
        }
        assertThat(flat(s.path("values")))
                .isEqualTo(flat(json(TENSOR + "?rows=2:4&cols=30:34").path("values")));
        // The scale is of the whole row, independent of the slice.
        assertThat(json(TENSOR + "?scheme=int8&rows=2&cols=0:2").path("scales"))
                .isEqualTo(json(TENSOR + "?scheme=int8&rows=2").path("scales"));
    }

    @Test
    void theSameInSafetensors() throws IOException {
        LiveServer.Answer answer = live.get(TENSOR + "?scheme=int8&rows=0:3");
        Path file = Files.write(folder.resolve("slice.safetensors"), answer.bytes());
        JsonNode s = json(TENSOR + "?scheme=int8&rows=0:3");
        try (SafetensorsFile tensors = SafetensorsFile.open(file)) {
            assertThat(tensors.tensors().keySet())
                    .containsExactlyInAnyOrder("values", "codes", "scales", "decoded", "error");
            for (String name : tensors.tensors().keySet()) {
                Tensor t = tensors.tensor(name);
                List<Float> values = flat(s.path(name));
                for (int i = 0; i < t.size(); i++) assertThat((float) t.get(i)).isEqualTo(values.get(i));
            }
        }
        live.get(TENSOR + "?scheme=int8", "Accept", "application/x-npy").problem(406);
    }

    @Test
    void theListSaysWhatTheFileHas() {
        JsonNode q = null;
        for (JsonNode t : json("/api/v1/models/blocks/tensors").path("tensors")) {
            if (t.path("name").asText().equals(Q)) q = t;
        }
        assertThat(q).isNotNull();
        assertThat(q.path("format").asText()).isEqualTo("Q4_1");
        assertThat(q.path("dtype").asText()).isEqualTo("f32");
        assertThat(q.at("/weights/0").asText()).isEqualTo("blocks.0.attn.q.weight");
    }

    @Test
    void aBlockAndTheStoredSliceSayTheSame() {
        String tensor = "/api/v1/models/blocks/tensors/" + Q;
        JsonNode block = json(tensor + "/block?row=1&col=40");
        JsonNode slice = json(tensor + "?scheme=stored&rows=1&cols=32:64");

        assertThat(block.path("type").asText()).isEqualToIgnoringCase("Q4_1");
        assertThat(block.path("column").asInt()).isEqualTo(32);
        assertThat(flat(block.path("codes"))).isEqualTo(flat(slice.path("codes")));
        assertThat(flat(block.path("scales"))).isEqualTo(flat(slice.path("scales")));
        assertThat(flat(block.path("mins"))).isEqualTo(flat(slice.path("mins")));
        assertThat(flat(block.path("values"))).isEqualTo(flat(slice.path("decoded")));
        assertThat(slice.has("error")).isFalse();
        live.get(tensor + "/block?row=99999").problem(400);
        live.get(tensor + "/block?row=x").problem(400);
        live.get("/api/v1/models/tiny/tensors/" + Q + "/block").problem(422);
    }

    @Test
    void aRunOfSimulatedWeightsIsThatOfTheirDecodedNumbers() {
        JsonNode sizes = json("/api/v1/models/tiny/sizes?scheme=int8&scheme=int2");
        assertThat(sizes.at("/schemes/0/bytes").asLong())
                .isGreaterThan(sizes.at("/schemes/1/bytes").asLong());
        assertThat(sizes.at("/schemes/1/bytes"))
                .isEqualTo(json("/api/v1/models/tiny/quantization?scheme=int2").path("bytes"));
        String ask = "{\"prompt\":\"the cat\",\"capture\":[\"logits\",\"blocks.0.hook_resid_post\"]";
        JsonNode plain = live.post("/api/v1/runs", ask + "}").json();
        String plan = ",\"precision_plan\":{\"simulate\":[{\"modules\":\"*\",\"scheme\":\"int2\"}]}}";
        JsonNode two = live.post("/api/v1/runs", ask + plan).json();
        assertThat(two.at("/engine/arithmetic").asText()).contains("decoded from int2");
        JsonNode shift = live.post(
                        "/api/v1/shift",
                        "{\"run\":\"" + plain.path("id").asText() + "\",\"after\":\""
                                + two.path("id").asText() + "\"}")
                .json();
        assertThat(shift.path("kl").asDouble()).isPositive();
        live.post("/api/v1/runs", ask + ",\"engine\":\"onnx\"" + plan).problem(422);
        JsonNode stream = json("/api/v1/runs/" + plain.path("id").asText()
                + "/captures/blocks.0.hook_resid_post/statistics?scheme=int8");
        assertThat(stream.at("/rows/count").asInt())
                .isEqualTo(plain.path("prompt_length").asInt());
        assertThat(stream.at("/columns/profile")).hasSize(64);
    }

    @Test
    void statisticsOfWhatIsAskedFor() {
        JsonNode two = json(TENSOR + "/statistics?scheme=int8&scheme=nf4");
        assertThat(two.path("schemes").findValuesAsText("name")).containsExactly("int8-channel", "nf4");
        assertThat(two.at("/schemes/0/error/sqnr_db").asDouble()).isGreaterThan(30);
        JsonNode all = json(TENSOR + "/statistics");
        assertThat(all.path("schemes").size())
                .isEqualTo(json("/api/v1/schemes").path("schemes").size());
    }

    @Test
    void aWholeModelAtOnceOrStep() {
        JsonNode report = json("/api/v1/models/bare/quantization?scheme=nf4");
        double last = -1e9;
        for (JsonNode w : report.path("weights")) {
            if (!w.path("quantized").asBoolean()) continue;
            assertThat(w.at("/error/sqnr_db").asDouble()).isGreaterThanOrEqualTo(last);
            last = w.at("/error/sqnr_db").asDouble();
        }
        assertThat(report.path("bytes").asLong())
                .isLessThan(report.path("stored_bytes").asLong() / 2);
        String stream = live.get("/api/v1/models/bare/quantization?scheme=int4", "Accept", "text/event-stream")
                .text();
        assertThat(stream).contains("event: progress\n").contains("event: done\n");
        assertThat(stream.split("event: progress", -1))
                .hasSize(report.path("weights").size() + 1);
    }

    @Test
    void whatIsWrongIsSaid() {
        assertThat(live.get(TENSOR + "?scheme=int9").problem(400).toString()).contains("closest: int4, int8");
        assertThat(live.get("/api/v1/models/tiny/quantization?scheme=int8-chan")
                        .problem(400)
                        .toString())
                .contains("int8-channel");
        live.get("/api/v1/models/tiny/quantization").problem(400);
        assertThat(live.get("/api/v1/models/tiny/tensors/model.nrm.weight?scheme=int8")
                        .problem(404)
                        .toString())
                .contains("model.norm.weight");
        live.get("/api/v1/models/tiny/tensors/model.nrm.weight/statistics").problem(404);
        live.get(TENSOR + "?scheme=int8&rows=5:5").problem(400);
        live.get("/api/v1/models/none/quantization?scheme=int8").problem(404);
    }
}
