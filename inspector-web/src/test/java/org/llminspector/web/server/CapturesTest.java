package org.llminspector.web.server;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.stream.Stream;
import java.util.zip.ZipEntry;
import java.util.zip.ZipInputStream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Captures come in every format with the same numbers, whole or sliced. */
class CapturesTest extends LiveTest {

    private static final String PATTERN = "blocks.1.attn.hook_pattern";

    static String captures;

    @BeforeAll
    static void run() {
        String id = live.run("{\"tokens\":[1,17,42,99,7],\"capture\":[\"blocks.1.*\",\"logits\"]}");
        captures = "/api/v1/runs/" + id + "/captures/";
    }

    private static JsonNode json(String path) {
        return live.get(captures + path, "Accept", "application/json").json();
    }

    @Test
    void aPatternsRowsSumToOneAndItsScoresAreMaskedByName() {
        JsonNode pattern = json(PATTERN);
        assertThat(pattern.path("shape").toString()).isEqualTo("[1,4,5,5]");
        for (JsonNode head : pattern.path("values").get(0)) {
            for (JsonNode row : head) {
                double sum = 0;
                for (JsonNode cell : row) sum += cell.asDouble();
                assertThat(sum).isCloseTo(1, within(1e-5));
            }
        }
        JsonNode scores = json("blocks.1.attn.hook_attn_scores?head=0&query=0");
        assertThat(scores.at("/values/0/0/0/4").asText()).isEqualTo("-inf");
    }

    @ParameterizedTest
    @CsvSource({
        PATTERN + "?head=2, '[1,1,5,5]'",
        PATTERN + "?head=-1&query=1:3&key=:2, '[1,1,2,2]'",
        "blocks.1.attn.hook_k?head=1&pos=-2:&feature=3, '[1,2,1,1]'",
        "logits?pos=-1, '[1,1,320]'",
        "blocks.1.hook_resid_post?pos=0&feature=0:8, '[1,1,8]'",
        "blocks.1.ln1.hook_scale, '[1,5,1]'",
    })
    void aSliceHasItsShapeAndTheWholesNumbers(String path, String shape) {
        JsonNode slice = json(path);
        assertThat(slice.path("shape").toString()).isEqualTo(shape);
        LiveServer.Answer binary = live.get(captures + path);
        assertThat(binary.header("X-Shape")).isEqualTo(shape.substring(1, shape.length() - 1));
        assertThat(binary.header("X-Dtype")).isEqualTo("f32");
        assertThat(safetensors(binary.bytes())).isEqualTo(flat(slice.path("values")));
        assertThat(npy(live.get(captures + path, "Accept", "application/x-npy").bytes()))
                .isEqualTo(flat(slice.path("values")));
    }

    @Test
    void aSliceIsThatPartOfTheWhole() {
        JsonNode whole = json(PATTERN);
        assertThat(json(PATTERN + "?head=2&query=3").at("/values/0/0/0")).isEqualTo(whole.at("/values/0/2/3"));
    }

    @ParameterizedTest
    @CsvSource({
        PATTERN + "?heads=1, heads, 'head, query, key'",
        PATTERN + "?pos=1, pos, 'head, query, key'",
        PATTERN + "?feature=1, feature, 'head, query, key'",
        "logits?head=0, head, 'pos, feature'",
        PATTERN + "?head=x, head, 'an index'",
        PATTERN + "?head=4, head, '0:4'",
        PATTERN + "?query=3:3, query, '0:5'",
    })
    void aWrongSliceNamesTheHooksAxes(String path, String where, String expected) {
        JsonNode p = live.get(captures + path).problem(400);
        assertThat(p.path("where").asText()).isEqualTo(where);
        assertThat(p.path("expected").asText()).contains(expected);
    }

    @Test
    void whatWasNotCapturedIsNotFoundAndWhatDoesNotExistIsInvalid() {
        assertThat(live.get(captures + "blocks.0.attn.hook_z")
                        .problem(404)
                        .path("instead")
                        .asText())
                .contains("capture");
        live.get(captures + "blocks.0.attn.hook_zz").problem(400);
        live.get(captures + PATTERN, "Accept", "image/png").problem(406);
    }

    @Test
    void answersMayBeKeptForEver() {
        LiveServer.Answer first = live.get(captures + PATTERN + "?head=0");
        assertThat(first.header("Cache-Control")).contains("immutable");
        assertThat(first.header("Vary")).contains("Accept");
        String etag = first.header("ETag");
        assertThat(live.get(captures + PATTERN + "?head=0", "If-None-Match", etag)
                        .status())
                .isEqualTo(304);
        assertThat(live.get(captures + PATTERN + "?head=1", "If-None-Match", etag)
                        .status())
                .isEqualTo(200);
        assertThat(live.get(captures + PATTERN + "?head=0", "Accept", "application/json", "If-None-Match", etag)
                        .status())
                .isEqualTo(200);
    }

    @Test
    void tooMuchJsonSaysWhatToDo() {
        assertThat(live.get("/api/v1/models/tiny/tensors/model.embed_tokens.weight", "Accept", "application/json")
                        .status())
                .isEqualTo(200);
        String id = live.run("{\"tokens\":[" + "1,".repeat(255) + "1],"
                + "\"capture\":[\"blocks.0.attn.hook_attn_scores\",\"blocks.*.attn.hook_result\"]}");
        String path = "/api/v1/runs/" + id + "/captures/blocks.0.attn.hook_attn_scores";
        assertThat(live.get(path, "Accept", "application/json")
                        .json()
                        .path("shape")
                        .toString())
                .isEqualTo("[1,4,256,256]");
    }

    @Test
    void theExportsHoldEveryCapture() throws IOException {
        String run = captures.replace("captures/", "");
        LiveServer.Answer file = live.get(run + "export");
        assertThat(file.header("Content-Disposition")).contains("attachment").contains(".safetensors");
        JsonNode header = safetensorsHeader(file.bytes());
        List<String> names = new ArrayList<>();
        header.fieldNames().forEachRemaining(names::add);
        names.remove("__metadata__");
        List<String> zipped = new ArrayList<>();
        try (ZipInputStream zip = new ZipInputStream(
                new ByteArrayInputStream(live.get(run + "export?format=npz").bytes()))) {
            for (ZipEntry e = zip.getNextEntry(); e != null; e = zip.getNextEntry()) {
                zipped.add(e.getName().replace(".npy", ""));
                npy(zip.readAllBytes());
            }
        }
        assertThat(zipped).containsExactlyInAnyOrderElementsOf(names).contains("logits", PATTERN);
        live.get(run + "export?format=csv").problem(400);
    }

    @Test
    void weightsAreSlicedAndDecoded() {
        String path = "/api/v1/models/tiny/tensors/model.layers.0.self_attn.q_proj.weight?rows=1:3&cols=-4:";
        JsonNode part = live.get(path, "Accept", "application/json").json();
        assertThat(part.path("shape").toString()).isEqualTo("[2,4]");
        assertThat(part.path("file_shape").toString()).isEqualTo("[64,64]");
        assertThat(safetensors(live.get(path).bytes())).isEqualTo(flat(part.path("values")));
        live.get("/api/v1/models/tiny/tensors/model.norm.weight?cols=1").problem(400);
        live.get("/api/v1/models/tiny/tensors/model.norm.weight?rows=64").problem(400);
    }

    private static JsonNode safetensorsHeader(byte[] file) {
        ByteBuffer b = ByteBuffer.wrap(file).order(ByteOrder.LITTLE_ENDIAN);
        try {
            return Contract.JSON.readTree(new String(file, 8, (int) b.getLong(0), StandardCharsets.UTF_8));
        } catch (IOException e) {
            throw new AssertionError(e);
        }
    }

    private static List<Float> safetensors(byte[] file) {
        ByteBuffer b = ByteBuffer.wrap(file).order(ByteOrder.LITTLE_ENDIAN);
        return floats(b.position(8 + (int) b.getLong(0)));
    }

    private static List<Float> npy(byte[] file) {
        ByteBuffer b = ByteBuffer.wrap(file).order(ByteOrder.LITTLE_ENDIAN);
        int header = 10 + b.getShort(8);
        assertThat(header % 64).isZero();
        assertThat(new String(file, 10, header - 10, StandardCharsets.US_ASCII)).contains("'<f4'");
        return floats(b.position(header));
    }

    private static List<Float> floats(ByteBuffer b) {
        List<Float> all = new ArrayList<>();
        while (b.hasRemaining()) all.add(b.getFloat());
        return all;
    }

    private static List<Float> flat(JsonNode values) {
        List<Float> all = new ArrayList<>();
        if (!values.isArray()) all.add(values.isTextual() ? Float.NEGATIVE_INFINITY : (float) values.asDouble());
        values.forEach(v -> all.addAll(flat(v)));
        return all;
    }

    @Test
    void aRunMayBeDeletedWhileItIsRead() throws Exception {
        for (int round = 0; round < 5; round++) {
            String at = "/api/v1/runs/"
                    + live.run("{\"tokens\":[1,2,3,4],\"capture\":[\"logits\",\"blocks.*.attn.hook_*\"]}");
            List<CompletableFuture<Integer>> looks = Stream.of(
                            "",
                            "/captures",
                            "/captures/logits",
                            "/export",
                            "/export?format=npz",
                            "/captures/logits?pos=1")
                    .map(part -> CompletableFuture.supplyAsync(
                            () -> live.get(at + part).status()))
                    .toList();
            assertThat(live.send("DELETE", at, null).status()).isEqualTo(204);
            for (CompletableFuture<Integer> look : looks)
                assertThat(look.join()).isIn(200, 404);
            live.get(at + "/captures/logits").problem(404);
            live.get(at + "/export").problem(404);
        }
    }
}
