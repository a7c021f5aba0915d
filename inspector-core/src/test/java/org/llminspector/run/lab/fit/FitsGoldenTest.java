package org.llminspector.run.lab.fit;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.JsonNode;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.StreamSupport;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.llminspector.base.Json;
import org.llminspector.run.Inspector;
import org.llminspector.run.TextModel;
import org.llminspector.run.lab.Analysis;
import org.llminspector.run.lab.LabListener;
import org.llminspector.run.request.AnalysisRequest.Cell;
import org.llminspector.run.request.AnalysisRequest.Example;
import org.llminspector.run.request.AnalysisRequest.Kind;
import org.llminspector.run.request.AnalysisRequestBuilder;
import org.llminspector.run.request.AnalysisRequestExampleBuilder;
import org.llminspector.run.request.RunRequest;

/** Fits against scikit-learn and plain PyTorch (scripts/golden/make_fits.py). */
class FitsGoldenTest {

    private static final JsonNode GOLDEN = Json.readObject(Path.of("src/test/resources/golden/lab/fits.json"));

    @TempDir
    Path temp;

    private static List<Integer> ids(JsonNode list) {
        return StreamSupport.stream(list.spliterator(), false)
                .map(JsonNode::asInt)
                .toList();
    }

    private static double[] numbers(JsonNode list) {
        return StreamSupport.stream(list.spliterator(), false)
                .mapToDouble(JsonNode::asDouble)
                .toArray();
    }

    @Test
    void reachesScikitLearnsOptimum() {
        JsonNode probe = GOLDEN.path("probe");
        double[][] x = new double[probe.path("x").size()][];
        boolean[] y = new boolean[x.length];
        for (int r = 0; r < x.length; r++) {
            x[r] = numbers(probe.path("x").get(r));
            y[r] = probe.path("y").get(r).asInt() == 1;
        }
        for (JsonNode expected : probe.path("fits")) {
            LogisticRegression.Fit fit =
                    LogisticRegression.fit(x, y, expected.path("c").asDouble());
            assertThat(fit.weights()).containsExactly(numbers(expected.path("weights")), within(1e-6));
            assertThat(fit.intercept()).isCloseTo(expected.path("intercept").asDouble(), within(1e-6));
            double c = expected.path("c").asDouble();
            assertThat(LogisticRegression.slope(x, y, c, fit)).isCloseTo(0, within(1e-6));
            double[] moved = fit.weights().clone();
            moved[0] += 0.1; // the penalty alone has this much slope more
            assertThat(LogisticRegression.slope(x, y, c, new LogisticRegression.Fit(moved, fit.intercept())))
                    .isGreaterThan(0.01);
        }
    }

    private Analysis analyse(AnalysisRequestBuilder request) {
        RunRequest run = RunRequest.builder()
                .model("gpt2")
                .tokens(ids(GOLDEN.path("run")))
                .build();
        try (Inspector inspector = TextModel.open(temp, 1L << 30)) {
            return inspector.labs().analyse(request.clean(run).build(), LabListener.NONE);
        }
    }

    @Test
    void readsThroughAJacobianAsPlainPyTorch() {
        JsonNode golden = GOLDEN.path("jacobian");
        List<Example> texts = StreamSupport.stream(golden.path("texts").spliterator(), false)
                .map(t -> AnalysisRequestExampleBuilder.builder().tokens(ids(t)).build())
                .toList();
        LensFit.Fitted lens = analyse(AnalysisRequestBuilder.builder()
                        .kind(Kind.LENS)
                        .convention("jacobian")
                        .examples(texts)
                        .skip(golden.path("skip").asInt()))
                .lens();
        assertThat(lens.rows()).hasSize(golden.path("kl").size());
        for (int layer = 0; layer < lens.rows().size(); layer++) {
            double[] kl = lens.rows().get(layer).cells().stream()
                    .mapToDouble(c -> c.klToFinal())
                    .toArray();
            assertThat(kl)
                    .as("layer " + layer)
                    .containsExactly(numbers(golden.path("kl").get(layer)), within(1e-4));
            assertThat(lens.losses().get(layer).fitted())
                    .isCloseTo(golden.path("losses").get(layer).asDouble(), within(1e-4));
        }
    }

    @Test
    void takesAScoreApartAsPlainPyTorch() {
        JsonNode golden = GOLDEN.path("score");
        Cell cell = new Cell(
                "blocks." + golden.path("layer").asInt() + ".attn.hook_attn_scores",
                List.of(golden.path("head").asInt()),
                List.of(golden.path("query").asInt()),
                List.of(golden.path("key").asInt()));
        ScoreParts.Score score = analyse(
                        AnalysisRequestBuilder.builder().kind(Kind.QK).cells(List.of(cell)))
                .score();
        assertThat(score.writers())
                .isEqualTo(StreamSupport.stream(golden.path("writers").spliterator(), false)
                        .map(JsonNode::asText)
                        .toList());
        double[] parts = score.parts().stream().mapToDouble(v -> v).toArray();
        assertThat(parts).containsExactly(numbers(golden.path("parts")), within(1e-4));
    }
}
