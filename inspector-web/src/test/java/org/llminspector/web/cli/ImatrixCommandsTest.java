package org.llminspector.web.cli;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.llminspector.base.Json;
import org.llminspector.web.TinyModels;

/** Errors weighted by a sweep, from the shell: {@code quantize --imatrix} and {@code tensors NAME --imatrix}. */
class ImatrixCommandsTest {

    record Ended(int code, String out, String err) {}

    private static final String Q = "model.layers.0.self_attn.q_proj.weight";

    @TempDir
    static Path folder;

    private static Path models;
    private static Path sweep;

    @BeforeAll
    static void sweep() throws IOException {
        models = TinyModels.in(folder);
        sweep = folder.resolve("sweep");
        Path corpus = Files.writeString(folder.resolve("cats.txt"), "the cat sat on the mat, the mat, the cat");
        String[] args = {
            "--corpus", corpus.toString(), "--out", sweep.toString(), "--window", "8", "--reduce", "imatrix"
        };
        Ended swept = command("sweep", args);
        assertThat(swept.code()).as(swept.err()).isZero();
    }

    private static Ended command(String name, String... args) {
        List<String> all = new ArrayList<>(List.of(name));
        all.addAll(List.of(args));
        all.addAll(List.of("--model", "tiny", "--model-root", models.toString()));
        StringWriter out = new StringWriter();
        StringWriter err = new StringWriter();
        int code = InspectorCommand.run(new PrintWriter(out), new PrintWriter(err), all.toArray(String[]::new));
        assertThat(err.toString()).doesNotContain("\tat ");
        return new Ended(code, out.toString(), err.toString());
    }

    private static JsonNode json(Ended ended) throws IOException {
        assertThat(ended.code()).as(ended.err()).isZero();
        return Json.mapper().readTree(ended.out());
    }

    @Test
    void aModelsErrorsAreWeighted() throws IOException {
        Ended told = command("quantize", "--scheme", "int4", "--imatrix", sweep.toString());
        assertThat(told.code()).as(told.err()).isZero();
        assertThat(told.out())
                .contains(
                        "of their outputs: SQNR ",
                        "  OUTPUTS",
                        "OUTPUTS: errors weighted by what each column read over ")
                .contains("cats.txt", "It says nothing of ");
        JsonNode swept = json(command("quantize", "--scheme", "int4", "--imatrix", sweep.toString(), "--json"));
        JsonNode file = json(command(
                "quantize",
                "--scheme",
                "int4",
                "--imatrix",
                sweep.resolve("imatrix.gguf").toString(),
                "--json"));
        assertThat(swept.at("/error/weighted/relative").asDouble()).isPositive();
        int compared = 0;
        for (JsonNode weight : file.path("weights")) {
            if (weight.at("/error/weighted").isMissingNode()
                    || weight.at("/error/weighted").isNull()) continue;
            double relative = weight.at("/error/weighted/relative").asDouble();
            for (JsonNode same : swept.path("weights")) {
                if (!same.path("name").equals(weight.path("name"))) continue;
                double expected = same.at("/error/weighted/relative").asDouble();
                assertThat(relative).isBetween(expected * (1 - 1e-5), expected * (1 + 1e-5));
                compared++;
            }
        }
        assertThat(compared).isGreaterThan(7);
        assertThat(command("quantize", "--scheme", "int4").out()).doesNotContain("OUTPUTS");
    }

    @Test
    void aWeightsErrorsAreWeighted() throws IOException {
        Ended told = command("tensors", Q, "--imatrix", sweep.toString());
        assertThat(told.code()).as(told.err()).isZero();
        assertThat(told.out()).contains("OUTPUTS", "int4-g32", "cats.txt");
        JsonNode statistics = json(command("tensors", Q, "--imatrix", sweep.toString(), "--json"));
        JsonNode report = json(command("quantize", "--scheme", "int4", "--imatrix", sweep.toString(), "--json"));
        double ofModel = -1;
        for (JsonNode weight : report.path("weights")) {
            if (weight.path("tensor").asText().equals(Q)) {
                ofModel = weight.at("/error/weighted/relative").asDouble();
            }
        }
        double ofWeight = -2;
        for (JsonNode scheme : statistics.path("schemes")) {
            if (scheme.at("/scheme/name").asText().equals("int4-g32")) {
                ofWeight = scheme.at("/error/weighted/relative").asDouble();
            }
        }
        assertThat(ofWeight).isEqualTo(ofModel);
    }

    @Test
    void whatIsNoImportanceMatrixIsRefused() throws IOException {
        Ended none = command(
                "quantize",
                "--scheme",
                "int4",
                "--imatrix",
                folder.resolve("none").toString());
        assertThat(none.code()).isEqualTo(3);
        byte[] name = "blk.0.attn_q.weight".getBytes(StandardCharsets.US_ASCII);
        ByteBuffer old = ByteBuffer.allocate(64).order(ByteOrder.LITTLE_ENDIAN);
        old.putInt(1).putInt(name.length).put(name).putInt(7).putInt(4);
        Path dat = Files.write(folder.resolve("imatrix.dat"), old.array());
        for (List<String> args : List.of(List.of("quantize", "--scheme", "int4"), List.of("tensors", Q))) {
            List<String> more = new ArrayList<>(args.subList(1, args.size()));
            more.addAll(List.of("--imatrix", dat.toString()));
            Ended refused = command(args.get(0), more.toArray(String[]::new));
            assertThat(refused.code()).isEqualTo(6);
            assertThat(refused.err()).contains("before GGUF", "llama-imatrix --in-file imatrix.dat -o imatrix.gguf");
        }
    }
}
