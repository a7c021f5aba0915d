package org.llminspector.run.compare;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;
import static org.assertj.core.api.Assertions.withinPercentage;

import com.fasterxml.jackson.databind.JsonNode;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.llminspector.analysis.Outliers;
import org.llminspector.base.Json;
import org.llminspector.engine.Precision;
import org.llminspector.run.Inspector;
import org.llminspector.run.TextModel;
import org.llminspector.run.request.ComparisonRequest;
import org.llminspector.run.request.RunRequest;
import org.llminspector.run.store.ComparisonManifest;
import org.llminspector.run.store.ComparisonManifest.Activation;

/** The outliers of what matrices read, against transformers and numpy (scripts/golden/make_outliers.py). */
class ActivationsTest {

    @TempDir
    Path temp;

    /** With room for all layers, and for a few at a time. */
    @ParameterizedTest
    @CsvSource({"llama, torch, 8388608", "llama, onnx, 40000", "gpt2, torch, 40000", "gpt2, onnx, 8388608"})
    void everyMatrixReadsWhatItsModelInTransformersReads(String model, String engine, long budget) {
        JsonNode golden = Json.readObject(Path.of("src/test/resources/outliers.json"));
        List<Integer> tokens = new ArrayList<>();
        golden.path("tokens").forEach(t -> tokens.add(t.asInt()));
        List<Activation> found = compare(model, engine, tokens, budget).activations();
        assertThat(found).hasSize(golden.path(model).size());
        for (int i = 0; i < found.size(); i++) {
            Activation a = found.get(i);
            JsonNode row = golden.path(model).get(i);
            assertThat(a.feeds().name()).isEqualTo(row.path("feeds").asText());
            assertThat(a.layer())
                    .isEqualTo(
                            row.path("layer").isNull()
                                    ? null
                                    : (Integer) row.path("layer").asInt());
            assertThat(a.maxAbs()).isCloseTo(row.path("max_abs").asDouble(), withinPercentage(1e-3));
            assertThat(a.position()).isEqualTo(row.path("position").asInt());
            assertThat(a.channel()).isEqualTo(row.path("channel").asInt());
            assertThat(a.rms()).isCloseTo(row.path("rms").asDouble(), withinPercentage(1e-3));
            assertThat(a.kurtosis()).isCloseTo(row.path("kurtosis").asDouble(), withinPercentage(1e-2));
            assertThat(a.topShare()).isCloseTo(row.path("top_share").asDouble(), withinPercentage(1e-2));
        }
    }

    @Test
    void aFewNumbersWorkedOutByHand() {
        // two positions of four channels: one number holds nearly all
        Outliers o = Outliers.of(new float[] {1, -1, 1, -1, 1, -1, -7, 1}, 4);
        assertThat(o.maxAbs()).isEqualTo(7);
        assertThat(o.position()).isEqualTo(1);
        assertThat(o.channel()).isEqualTo(2);
        assertThat(o.rms()).isCloseTo(Math.sqrt(7), within(1e-12));
        assertThat(o.topShare()).isCloseTo(50.0 / 56, within(1e-12));
        assertThat(o.topChannels()).isEqualTo(1);
        assertThat(Outliers.of(new float[] {1, -1, 1, -1}, 2).kurtosis()).isEqualTo(1); // the least there is
        assertThat(Outliers.of(new float[] {2, 2}, 1).kurtosis()).isNull();
        assertThat(Outliers.of(new float[2 * 250], 250))
                .returns(2, Outliers::topChannels)
                .returns(0.0, Outliers::topShare);
    }

    private ComparisonManifest compare(String model, String engine, List<Integer> tokens, long budget) {
        RunRequest a =
                RunRequest.builder().model(model).engine(engine).tokens(tokens).build();
        RunRequest b =
                RunRequest.builder().engine(engine).precision(Precision.FP16).build();
        ComparisonRequest.Options options = new ComparisonRequest.Options(
                List.of("blocks.0.hook_resid_pre"), false, null, null, null, false, null, null);
        try (Inspector inspector = TextModel.open(temp, budget)) {
            return inspector
                    .comparisons()
                    .compare(new ComparisonRequest(a, b, null, null, options, null, null), ComparisonListener.NONE);
        }
    }
}
