package org.llminspector.run;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.llminspector.base.DType;
import org.llminspector.base.Tensor;
import org.llminspector.checkpoint.Checkpoint;
import org.llminspector.checkpoint.SafetensorsWriter;
import org.llminspector.engine.Precision;
import org.llminspector.engine.PrecisionPlan;
import org.llminspector.engine.PrecisionPlan.Simulated;
import org.llminspector.engine.torch.TorchKind;
import org.llminspector.family.Family;
import org.llminspector.family.Weights;
import org.llminspector.golden.GgufGolden;
import org.llminspector.golden.Golden;
import org.llminspector.hook.HookId;
import org.llminspector.quant.QuantReport;
import org.llminspector.quant.QuantScheme;
import org.llminspector.quant.WeightStatistics;
import org.llminspector.run.request.RunRequest;
import org.llminspector.run.store.RunManifest;

/** Runs of tiny real models whose weights are decoded from a scheme's codes. */
class SimulatedWeightsTest {

    @TempDir
    Path temp;

    private Inspector inspector;

    private Inspector open(Path model) {
        close();
        inspector = Inspector.open(new InspectorConfig(List.of(), model, temp.resolve("runs"), 1 << 30, 1 << 30, 4));
        return inspector;
    }

    @AfterEach
    void close() {
        if (inspector != null) inspector.close();
    }

    private float[] logits(PrecisionPlan plan) {
        return inspector
                .runs()
                .stored()
                .capture(run(plan).id(), HookId.parse("logits"))
                .toFloats();
    }

    private RunManifest run(PrecisionPlan plan) {
        return inspector
                .runs()
                .run(
                        RunRequest.builder()
                                .tokens(List.of(5, 9, 2, 7, 11, 3))
                                .engine("torch")
                                .precisionPlan(plan)
                                .capture(List.of("logits", "blocks.*.hook_resid_post"))
                                .build(),
                        RunListener.NONE);
    }

    /** The files with every matrix already decoded are the same model, whatever the family's layout. */
    @ParameterizedTest
    @ValueSource(strings = {"llama", "gpt_neox", "gemma3", "mistral"})
    void theRunIsThatOfAModelWhoseFilesHoldTheDecodedWeights(String name) throws Exception {
        Path model = Golden.ROOT.resolve(name);
        Path decoded = Files.createDirectory(temp.resolve("decoded"));
        QuantScheme scheme = QuantScheme.of("int3-tensor");
        try (Checkpoint checkpoint = Checkpoint.open(model)) {
            Map<String, Tensor> tensors = new LinkedHashMap<>();
            checkpoint.tensors().forEach((n, info) -> {
                Tensor w = checkpoint.get(n);
                boolean fused = n.contains("query_key_value"); // q, k and v have a scale each
                if (w.rank() == 2 && !fused) w = scheme.quantize(w, n).decode();
                tensors.put(n, w.dtype() == DType.F32 ? w : Tensor.of(w.toFloats(), w.shape()));
            });
            SafetensorsWriter.write(decoded.resolve("model.safetensors"), tensors, Map.of());
            Files.copy(model.resolve("config.json"), decoded.resolve("config.json"));
        }
        // Fused rows are left out on both sides.
        List<Simulated> all = List.of(new Simulated("*", "int3-tensor"));
        List<Simulated> butFused = List.of(
                new Simulated("*", "int3-tensor"),
                new Simulated("blocks.*.attn.q", "none"),
                new Simulated("blocks.*.attn.k", "none"),
                new Simulated("blocks.*.attn.v", "none"));
        PrecisionPlan plan =
                new PrecisionPlan(Precision.FP32, null, null, null, name.equals("gpt_neox") ? butFused : all);
        open(model);
        float[] simulated = logits(plan);
        float[] asItIs = logits(null);
        open(decoded);
        assertThat(simulated).containsExactly(logits(null), within(1e-4f));
        assertThat(simulated).isNotEqualTo(asItIs);
    }

    @Test
    void eightBitsAreNearAndTwoAreFar() {
        open(Golden.ROOT.resolve("llama"));
        float[] was = logits(null);
        double last = 0;
        for (int bits = 8; bits >= 2; bits -= 2) {
            double off = distance(was, logits(PrecisionPlan.simulated("int" + bits + "-channel")));
            assertThat(off).as(bits + " bits").isGreaterThan(last);
            last = off;
        }
    }

    /** Not a recurrence's kernels, decays and gates by head, nor how forms of the stream are mixed. */
    @ParameterizedTest
    @ValueSource(strings = {"recurrent_gemma", "mamba", "kimi_linear", "gemma3n", "mixtral"})
    void onlyMatricesAreSimulated(String name) {
        Path model = Golden.FAMILIES.resolve(name);
        try (Checkpoint checkpoint = Checkpoint.open(model)) {
            Weights weights = Family.open(checkpoint);
            Weights simulated = TorchKind.simulated(weights, PrecisionPlan.simulated("int2-tensor"));
            List<String> matrices = PrecisionPlan.matrices(weights.spec());
            for (String weight : weights.names()) {
                boolean changed = !Arrays.equals(
                        weights.get(weight).toFloats(), simulated.get(weight).toFloats());
                assertThat(changed).as(weight).isEqualTo(matrices.contains(weight.replaceFirst("\\.weight$", "")));
            }
        }
        open(model);
        for (float logit : logits(PrecisionPlan.simulated("int2")))
            assertThat(logit).isFinite();
    }

    private static double distance(float[] a, float[] b) {
        double sum = 0;
        for (int i = 0; i < a.length; i++) sum += ((double) a[i] - b[i]) * ((double) a[i] - b[i]);
        return Math.sqrt(sum);
    }

    @ParameterizedTest
    @ValueSource(strings = {"gpt_neox", "gpt2"})
    void itIsSaidInTheRunAndATiedTableIsTheEmbeddingToo(String name) {
        open(Golden.ROOT.resolve(name));
        PrecisionPlan plan =
                new PrecisionPlan(Precision.FP32, null, null, null, List.of(new Simulated("unembed", "int2")));
        RunManifest m = run(plan);
        RunManifest was = run(null);
        assertThat(m.engine().arithmetic()).isEqualTo("fp32; weights simulated: unembed decoded from int2");
        assertThat(was.engine().arithmetic()).isEqualTo("fp32");
        assertThat(inspector.runs().stored().manifest(m.id()).request().precisionPlan())
                .isEqualTo(plan);
        HookId stream = HookId.parse("blocks.1.hook_resid_post");
        HookId logits = HookId.parse("logits");
        assertThat(same(m, was, logits)).isFalse();
        boolean tied = inspector
                .models()
                .details(inspector.models().defaultSlug())
                .spec()
                .tied();
        assertThat(tied).isEqualTo(name.equals("gpt2"));
        assertThat(same(m, was, stream)).isEqualTo(!tied);
    }

    private boolean same(RunManifest a, RunManifest b, HookId hook) {
        return inspector
                .runs()
                .stored()
                .capture(a.id(), hook)
                .data()
                .equals(inspector.runs().stored().capture(b.id(), hook).data());
    }

    @Test
    void aGgufIsDecodedAndThenSimulated() {
        open(GgufGolden.ROOT.resolve("types/tiny64-Q8_0.gguf"));
        float[] was = logits(null);
        assertThat(distance(was, logits(PrecisionPlan.simulated("int2"))))
                .isGreaterThan(distance(was, logits(PrecisionPlan.simulated("int8"))));
    }

    @Test
    void sizesAreThoseOfTheReport() {
        open(Golden.ROOT.resolve("gpt2"));
        String slug = inspector.models().defaultSlug();
        List<QuantScheme> schemes = List.of(QuantScheme.of("int5"), QuantScheme.of("nf4"), QuantScheme.of("fp16"));
        QuantReport.Sizes sizes = inspector.models().weights().sizes(slug, schemes);
        for (int i = 0; i < schemes.size(); i++) {
            QuantReport report = inspector.models().weights().report(slug, schemes.get(i), p -> {}, () -> false);
            assertThat(sizes.parameters()).isEqualTo(report.parameters());
            assertThat(sizes.storedBytes()).isEqualTo(report.storedBytes());
            assertThat(sizes.schemes().get(i).bytes()).isEqualTo(report.bytes());
            assertThat(sizes.schemes().get(i).bitsPerWeight()).isEqualTo(report.bitsPerWeight());
        }
    }

    @Test
    void activationsHaveChannelsToo() {
        open(Golden.ROOT.resolve("llama"));
        RunManifest m = run(null);
        HookId hook = HookId.parse("blocks.1.hook_resid_post");
        WeightStatistics s = inspector
                .analyses()
                .runs()
                .statistics(m.id(), hook, List.of(QuantScheme.of("int8"), QuantScheme.of("int8-tensor")));
        Tensor t = inspector.runs().stored().capture(m.id(), hook);
        assertThat(s.rows().count()).isEqualTo(6);
        assertThat(s.columns().count()).isEqualTo((int) t.shape()[2]);
        float most = 0;
        for (int p = 0; p < 6; p++) most = Math.max(most, Math.abs((float) t.get(p * t.shape()[2] + 3)));
        assertThat(s.columns().profile().get(3)).isEqualTo(most);
        assertThat(s.rows().profile()).hasSize(6);
        assertThat(s.schemes()).hasSize(2).allMatch(r -> r.error() != null);
        assertThatThrownBy(() -> inspector
                        .analyses()
                        .runs()
                        .statistics(m.id(), HookId.parse("blocks.0.hook_mlp_out"), List.of()))
                .hasMessageContaining("blocks.0.hook_mlp_out");
    }
}
