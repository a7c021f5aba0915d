package org.llminspector.run;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.llminspector.base.Problem;
import org.llminspector.base.Slice;
import org.llminspector.base.Tensor;
import org.llminspector.checkpoint.Checkpoint;
import org.llminspector.checkpoint.TensorInfo;
import org.llminspector.golden.GgufGolden;
import org.llminspector.quant.QuantReport;
import org.llminspector.quant.QuantScheme;
import org.llminspector.quant.QuantizedTensor;
import org.llminspector.quant.WeightStatistics;
import org.llminspector.run.models.ModelWeights;
import org.llminspector.run.models.WeightSlice;

/** Weights of real tiny models under quantization schemes. */
class QuantizationTest {

    private static final Path HF = Path.of("src/test/resources/golden/hf");
    private static final String Q = "model.layers.0.self_attn.q_proj.weight";

    @TempDir
    Path temp;

    private Inspector inspector;

    private String open(Path model) {
        inspector = Inspector.open(new InspectorConfig(List.of(), model, temp.resolve("runs"), 1 << 30, 1 << 30, 4));
        return inspector.models().defaultSlug();
    }

    @AfterEach
    void close() {
        if (inspector != null) inspector.close();
    }

    @Test
    void aSliceIsPartOfTheWholeWeightUnderTheScheme() {
        String llama = open(HF.resolve("llama"));
        Tensor w = inspector.models().weights().tensor(llama, Q, null, null);
        for (QuantScheme scheme : QuantScheme.standard()) {
            QuantizedTensor whole = scheme.quantize(w, "w");
            WeightSlice part =
                    inspector.models().weights().slice(llama, Q, scheme.name(), Slice.range(3, 7), Slice.range(33, 48));
            int[] rows = {3, 7};
            int[] cols = {33, 48};
            assertThat(part.codes().toFloats())
                    .as(scheme.name())
                    .isEqualTo(whole.codes().slice(rows, cols).toFloats());
            assertThat(part.decoded().toFloats())
                    .isEqualTo(whole.decode().slice(rows, cols).toFloats());
            float[] error = part.error().toFloats();
            for (int i = 0; i < error.length; i++) {
                assertThat(error[i])
                        .isEqualTo((float) part.decoded().get(i)
                                - (float) part.values().get(i));
            }
            if (part.scales() == null) continue;
            boolean one = whole.scales().size() == 1;
            int group = one ? 0 : 33 / scheme.groupSize(whole.cols());
            assertThat(part.firstGroup()).isEqualTo(group);
            assertThat(part.scales().get(0)).isEqualTo(whole.scales().get(one ? 0 : 3L * whole.groups() + group));
        }
        assertThat(inspector
                        .models()
                        .weights()
                        .slice(llama, "model.norm.weight", "int8", null, Slice.range(0, 5))
                        .shape()
                        .get(0))
                .isEqualTo(1);
    }

    @Test
    void aCanonicalNameIsOutByInForEveryFamily() {
        String gpt2 = open(HF.resolve("gpt2"));
        // GPT-2 keeps its matrices [in, out], q, k and v in one.
        WeightSlice q = inspector.models().weights().slice(gpt2, "blocks.0.attn.q.weight", "int8", null, null);
        Tensor fused = inspector.models().weights().tensor(gpt2, "transformer.h.0.attn.c_attn.weight", null, null);
        int d = Math.toIntExact(q.shape().get(0));
        assertThat(q.shape()).containsExactly((long) d, (long) d);
        assertThat(fused.shape()).containsExactly(d, 3L * d);
        assertThat(q.values().get(1)).isEqualTo(fused.get(3L * d));
        Tensor rows = inspector
                .models()
                .weights()
                .tensor(gpt2, "blocks.0.attn.q.weight", Slice.range(1, 3), Slice.range(0, 4));
        assertThat(rows.shape()).containsExactly(2, 4);
        assertThat(rows.get(4 + 3)).isEqualTo(fused.get(3L * 3 * d + 2));
        assertThat(inspector.models().weights().shape(gpt2, "blocks.0.attn.q.weight"))
                .containsExactly((long) d, (long) d);
        assertThat(inspector.models().weights().shape(gpt2, "transformer.h.0.attn.c_attn.weight"))
                .containsExactly((long) d, 3L * d);
        assertThat(inspector.models().weights().list(gpt2).stream()
                        .filter(t -> t.name().equals("transformer.h.0.attn.c_attn.weight"))
                        .findFirst()
                        .orElseThrow()
                        .weights())
                .containsExactly("blocks.0.attn.q.weight", "blocks.0.attn.k.weight", "blocks.0.attn.v.weight");
    }

    @Test
    void aWholeModel() {
        String llama = open(HF.resolve("llama"));
        List<QuantReport.Progress> progress = new ArrayList<>();
        QuantReport r = inspector.models().weights().report(llama, QuantScheme.of("int4"), progress::add, () -> false);

        assertThat(progress).hasSize(r.weights().size());
        assertThat(r.parameters())
                .isEqualTo(inspector.models().details(llama).summary().parameters());
        assertThat(r.storedBytes())
                .isEqualTo(inspector.models().details(llama).summary().bytes());
        assertThat(r.bytes())
                .isEqualTo(
                        r.weights().stream().mapToLong(QuantReport.Row::bytes).sum());
        double last = -1e9;
        double noise = 0;
        double signal = 0;
        for (QuantReport.Row row : r.weights()) {
            assertThat(row.quantized()).as(row.name()).isEqualTo(row.shape().size() == 2);
            if (!row.quantized()) continue;
            assertThat(row.error().sqnrDb()).isGreaterThanOrEqualTo(last);
            last = row.error().sqnrDb();
            float[] w = inspector
                    .models()
                    .weights()
                    .tensor(llama, row.tensor(), null, null)
                    .toFloats();
            float[] v = QuantScheme.of("int4")
                    .quantize(inspector.models().weights().tensor(llama, row.tensor(), null, null), "w")
                    .decode()
                    .toFloats();
            for (int i = 0; i < w.length; i++) {
                noise += ((double) w[i] - v[i]) * ((double) w[i] - v[i]);
                signal += (double) w[i] * w[i];
            }
        }
        assertThat(r.error().sqnrDb())
                .isCloseTo(10 * Math.log10(signal / noise), org.assertj.core.api.Assertions.within(1e-9));
        assertThat(inspector.models().weights().report(llama, QuantScheme.of("int4"), p -> {}, () -> true))
                .as("kept: not even a cancelled one reads again")
                .isSameAs(r);
        assertThatThrownBy(() -> inspector.models().weights().report(llama, QuantScheme.of("nf4"), p -> {}, () -> true))
                .isInstanceOf(Problem.class)
                .hasMessageContaining("cancelled");
    }

    @Test
    void storedBlocksDecodeToTheTensorBitForBit() {
        int matrices = 0;
        for (GgufGolden g : GgufGolden.all("types")) {
            try (Checkpoint checkpoint = Checkpoint.open(g.model())) {
                for (TensorInfo info : checkpoint.tensors().values()) {
                    if (info.blocks() == null || info.shape().size() != 2) continue;
                    int rows = Math.toIntExact(info.shape().get(0));
                    QuantizedTensor q = QuantizedTensor.of(checkpoint.blocks(info.name(), 1, rows));
                    assertThat(q.decode().data())
                            .as(g + " " + info.name())
                            .isEqualTo(checkpoint.get(info.name()).rows(1, rows).data());
                    assertThat(q.scheme().bytes(q.rows(), q.cols()) / (rows - 1) * rows)
                            .isEqualTo(info.bytes());
                    matrices++;
                }
            }
        }
        assertThat(matrices).isGreaterThan(100);
    }

    @Test
    void aGgufTensorSaysItsFormatAndShowsItsBlocks() {
        String q4 = open(GgufGolden.ROOT.resolve("types/tiny64-Q4_0.gguf"));
        ModelWeights.Entry entry = inspector.models().weights().list(q4).stream()
                .filter(t -> t.name().equals(Q))
                .findFirst()
                .orElseThrow();
        assertThat(entry.format()).isEqualTo("Q4_0");
        assertThat(entry.dtype().name()).isEqualTo("F32");
        WeightSlice s = inspector.models().weights().slice(q4, Q, "stored", Slice.at(2), Slice.range(30, 34));
        assertThat(s.scheme().name()).isEqualTo("q4_0");
        assertThat(s.scheme().bits()).isEqualTo(4);
        assertThat(s.scales().size()).isEqualTo(2);
        assertThat(s.error()).isNull();
        assertThat((float) s.values().get(0))
                .isEqualTo((float) s.scales().get(0) * (float) s.codes().get(0));
        assertThatThrownBy(() -> inspector.models().weights().slice(q4, "model.norm.weight", "stored", null, null))
                .hasMessageContaining("not stored in blocks");
    }

    @Test
    void statisticsOfAWeightAndItsMisspeltName() {
        String llama = open(HF.resolve("llama"));
        WeightStatistics s = inspector
                .models()
                .weights()
                .statistics(llama, "blocks.0.mlp.in.weight", QuantScheme.standard(), () -> false);
        assertThat(s.schemes()).hasSize(QuantScheme.standard().size()).allMatch(r -> r.refused() == null);
        assertThatThrownBy(
                        () -> inspector.models().weights().slice(llama, "blocks.0.mlp.inn.weight", "int8", null, null))
                .isInstanceOf(Problem.class)
                .hasMessageContaining("blocks.0.mlp.in.weight");
        assertThatThrownBy(() -> inspector.models().weights().slice(llama, Q, "int8", Slice.range(0, 9999), null))
                .hasMessageContaining("outside the axis");
    }
}
