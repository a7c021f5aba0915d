package org.llminspector.run.lab;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.JsonNode;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.StreamSupport;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.llminspector.base.Json;
import org.llminspector.run.Inspector;
import org.llminspector.run.TextModel;
import org.llminspector.run.request.AnalysisRequest;
import org.llminspector.run.request.AnalysisRequest.By;
import org.llminspector.run.request.AnalysisRequest.Kind;
import org.llminspector.run.request.AnalysisRequest.Measure;
import org.llminspector.run.request.AnalysisRequestBuilder;
import org.llminspector.run.request.RunRequest;

/** Patching against TransformerLens's, edge attribution against plain PyTorch over TransformerLens's split inputs (scripts/golden/make_lab.py). */
class LabGoldenTest {

    private static final JsonNode GOLDEN = Json.readObject(Path.of("src/test/resources/golden/lab/gpt2.json"));

    /** In logits, of numbers between -5 and 5 in float32 here and float64 there. */
    private static final double WITHIN = 1e-4;

    @TempDir
    static Path temp;

    private static Inspector inspector;

    @BeforeAll
    static void open() {
        inspector = TextModel.open(temp, 1L << 30);
    }

    @AfterAll
    static void close() {
        inspector.close();
    }

    private static List<Integer> ids(String name) {
        return StreamSupport.stream(GOLDEN.path(name).spliterator(), false)
                .map(JsonNode::asInt)
                .toList();
    }

    private static AnalysisRequestBuilder request(Kind kind) {
        return AnalysisRequestBuilder.builder()
                .kind(kind)
                .clean(RunRequest.builder()
                        .model("gpt2")
                        .tokens(ids("clean_ids"))
                        .build())
                .corrupt(RunRequest.builder().tokens(ids("corrupt_ids")).build())
                .metric(new AnalysisRequest.Metric(
                        Measure.LOGIT_DIFF,
                        null,
                        null,
                        List.of(GOLDEN.path("answer").asInt()),
                        List.of(GOLDEN.path("against").asInt()),
                        null));
    }

    private static void equal(List<Double> got, JsonNode expected, String name) {
        assertThat(got).as(name).hasSize(expected.size());
        for (int i = 0; i < got.size(); i++)
            assertThat(got.get(i)).as(name + " " + i).isCloseTo(expected.get(i).asDouble(), within(WITHIN));
    }

    @Test
    void patchesAsTransformerLens() {
        GOLDEN.path("patch").properties().forEach(point -> {
            boolean heads = point.getKey().startsWith("attn.");
            Analysis a = inspector
                    .labs()
                    .analyse(
                            request(Kind.PATCH)
                                    .points(List.of(point.getKey()))
                                    .by(heads ? By.HEAD : By.POSITION)
                                    .build(),
                            LabListener.NONE);
            assertThat(a.metric().clean()).isCloseTo(GOLDEN.path("clean").asDouble(), within(WITHIN));
            assertThat(a.metric().corrupt()).isCloseTo(GOLDEN.path("corrupt").asDouble(), within(WITHIN));
            equal(a.scores().get(0).values(), point.getValue(), point.getKey());
        });
    }

    @Test
    void attributesAsTransformerLens() {
        GOLDEN.path("attribution").properties().forEach(point -> {
            Analysis a = inspector
                    .labs()
                    .analyse(
                            request(Kind.ATTRIBUTION)
                                    .points(List.of(point.getKey()))
                                    .convention("tl")
                                    .build(),
                            LabListener.NONE);
            equal(a.scores().get(0).values(), point.getValue(), point.getKey());
        });
    }

    @Test
    void scoresEveryEdgeAsPlainPyTorch() {
        for (String convention : List.of("eap", "eap_ig")) {
            Analysis a = inspector
                    .labs()
                    .analyse(
                            request(Kind.EDGES)
                                    .convention(convention)
                                    .steps(
                                            convention.equals("eap")
                                                    ? null
                                                    : GOLDEN.path("steps").asInt())
                                    .keep(100_000)
                                    .build(),
                            LabListener.NONE);
            assertThat(a.graph().edges())
                    .hasSize(GOLDEN.path(convention).size())
                    .hasSize(a.graph().count());
            for (Analysis.Edge e : a.graph().edges()) {
                String name = e.from() + "->" + e.to();
                assertThat(e.score())
                        .as(convention + " " + name)
                        .isCloseTo(GOLDEN.path(convention).path(name).asDouble(Double.NaN), within(WITHIN));
            }
        }
    }
}
