package org.llminspector.run;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.llminspector.base.Problem;
import org.llminspector.engine.Precision;
import org.llminspector.engine.PrecisionPlan;
import org.llminspector.hook.HookId;
import org.llminspector.hook.HookPoint;
import org.llminspector.run.compare.ComparisonListener;
import org.llminspector.run.inspect.cost.Costs;
import org.llminspector.run.request.ComparisonRequest;
import org.llminspector.run.request.RunRequest;
import org.llminspector.run.request.SensitivityRequest;
import org.llminspector.run.request.SensitivityRequest.By;
import org.llminspector.run.store.ComparisonManifest;
import org.llminspector.run.store.RunManifest;

/** A plan keeps the embedding of a tied table as the file has it, while the unembedding is in few bits. */
class EmbeddingPlanTest {

    private static final HookId EMBED = HookId.of(HookPoint.EMBED);
    private static final HookId LOGITS = HookId.of(HookPoint.LOGITS);
    private static final List<Integer> TOKENS = List.of(1, 17, 93, 5, 140, 61, 2, 9);

    @TempDir
    static Path temp;

    @AutoClose
    private static Inspector inspector;

    @BeforeAll
    static void open() {
        inspector = TextModel.open(temp, 1 << 28);
    }

    private static PrecisionPlan plan(Precision standard, String kept) {
        List<PrecisionPlan.Part> overrides =
                kept == null ? List.of() : List.of(new PrecisionPlan.Part(kept, Precision.FP32, null));
        return new PrecisionPlan(standard, null, overrides);
    }

    private static RunRequest request(String model, PrecisionPlan plan) {
        return RunRequest.builder()
                .model(model)
                .engine("onnx")
                .device("cpu")
                .tokens(TOKENS)
                .precisionPlan(plan)
                .build();
    }

    private static float[] values(HookId hook, String model, PrecisionPlan plan) {
        RunRequest r =
                request(model, plan).toBuilder().capture(List.of(hook.name())).build();
        RunManifest run = inspector.runs().run(r, RunListener.NONE);
        return inspector.runs().stored().capture(run.id(), hook).toFloats();
    }

    @ParameterizedTest
    @CsvSource({
        "gemma3,INT8",
        "gemma3,INT8_WEIGHT",
        "gemma3,INT4_32",
        "gemma3,INT4_128",
        "gpt2,INT8",
        "llama_bf16,INT8",
        "llama_bf16,INT4_32"
    })
    void theRowsAreExactAndTheUnembeddingIsInFewBits(String model, Precision precision) {
        PrecisionPlan exact = PrecisionPlan.of(Precision.FP32);
        float[] rows = values(EMBED, model, exact);
        assertThat(values(EMBED, model, plan(precision, "embed"))).isEqualTo(rows);
        assertThat(values(EMBED, model, plan(precision, "unembed")))
                .as("the same table")
                .isEqualTo(rows);
        assertThat(values(EMBED, model, plan(precision, null)))
                .as("rounded as the unembedding is")
                .isNotEqualTo(rows);
        // Every other matrix exact: what is left is the unembedding's rounding.
        PrecisionPlan last =
                new PrecisionPlan(Precision.FP32, null, List.of(new PrecisionPlan.Part("unembed", precision, null)));
        assertThat(values(EMBED, model, last)).isEqualTo(rows);
        assertThat(values(LOGITS, model, last)).isNotEqualTo(values(LOGITS, model, exact));
    }

    @ParameterizedTest
    @CsvSource({"gemma3", "llama_bf16"})
    void theSecondTableIsCounted(String model) {
        Costs costs = inspector.analyses().costs();
        long one = costs.cost(request(model, plan(Precision.INT8, null)), 0, 1, null)
                .room()
                .weightsBytes();
        long two = costs.cost(request(model, plan(Precision.INT8, "embed")), 0, 1, null)
                .room()
                .weightsBytes();
        long table = (long) values(LOGITS, model, plan(Precision.INT8, null)).length
                / TOKENS.size()
                * (values(EMBED, model, plan(Precision.INT8, null)).length / TOKENS.size());
        assertThat(two - one).isEqualTo(table * (model.equals("llama_bf16") ? 2 : 4));
        long held = inspector
                        .runs()
                        .run(request(model, plan(Precision.INT8, "embed")), RunListener.NONE)
                        .engine()
                        .weightBytes()
                - inspector
                        .runs()
                        .run(request(model, plan(Precision.INT8, null)), RunListener.NONE)
                        .engine()
                        .weightBytes();
        assertThat(held).as("as the engine tells it").isEqualTo(two - one);
    }

    @Test
    void aComparisonNamesTheEmbedding() {
        RunRequest a = request("gemma3", PrecisionPlan.of(Precision.FP32));
        SensitivityRequest matrices = new SensitivityRequest(null, By.MATRIX, List.of("embed", "unembed"), null, null);
        ComparisonRequest.Options options =
                new ComparisonRequest.Options(null, null, null, null, null, false, null, null);
        ComparisonManifest rounded = inspector
                .comparisons()
                .compare(
                        new ComparisonRequest(
                                a, request("gemma3", plan(Precision.INT8, null)), null, null, options, matrices, null),
                        ComparisonListener.NONE);
        assertThat(rounded.firstBad().hook()).isEqualTo(EMBED);
        assertThat(rounded.sensitivity().modules())
                .extracting(m -> m.module())
                .containsExactlyInAnyOrder("embed", "unembed");
        assertThat(rounded.sensitivity().modules())
                .allSatisfy(m -> assertThat(m.predicted()).isPositive());
        SensitivityRequest lowering =
                new SensitivityRequest(SensitivityRequest.Direction.LOWER, By.MATRIX, List.of("unembed"), null, null);
        ComparisonManifest lowered = inspector
                .comparisons()
                .compare(
                        new ComparisonRequest(
                                a, request("gemma3", plan(Precision.INT8, null)), null, null, options, lowering, null),
                        ComparisonListener.NONE);
        assertThat(lowered.sensitivity().modules()).singleElement().satisfies(m -> assertThat(m.matrices())
                .containsExactly("embed", "unembed"));
        ComparisonManifest kept = inspector
                .comparisons()
                .compare(
                        new ComparisonRequest(
                                a, request("gemma3", plan(Precision.INT8, "embed")), null, null, options, null, null),
                        ComparisonListener.NONE);
        assertThat(kept.firstBad().hook()).isNotEqualTo(EMBED);
    }

    @Test
    void theEmbeddingIsKeptOrIsWhatTheUnembeddingIs() {
        PrecisionPlan other = new PrecisionPlan(
                Precision.INT8, null, List.of(new PrecisionPlan.Part("embed", Precision.INT4_32, null)));
        Problem refused = catchThrowableOfType(
                Problem.class, () -> inspector.runs().run(request("gemma3", other), RunListener.NONE));
        assertThat(refused.where()).isEqualTo("precision_plan.overrides[0].precision");
        assertThat(refused.expected()).contains("fp32").contains("int8");
        Problem untied = catchThrowableOfType(
                Problem.class,
                () -> inspector.runs().run(request("tiny-text", plan(Precision.INT8, "embed")), RunListener.NONE));
        assertThat(untied.where()).isEqualTo("precision_plan.overrides[0].modules");
        assertThat(untied.expected()).contains("stays as it is");
    }
}
