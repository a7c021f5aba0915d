package org.llminspector.golden;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;
import static org.assertj.core.api.Assertions.withinPercentage;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.llminspector.analysis.reduce.Imatrix;
import org.llminspector.analysis.reduce.Importances;
import org.llminspector.base.Problem;
import org.llminspector.base.Tensor;
import org.llminspector.checkpoint.gguf.GgufFile;
import org.llminspector.checkpoint.gguf.GgufWriter;
import org.llminspector.quant.Importance;
import org.llminspector.quant.QuantError;
import org.llminspector.quant.QuantReport;
import org.llminspector.quant.QuantScheme;

/** What matrices read, of sums and of the files that they are written to; damaged files are refused by name. */
class ImportancesTest {

    private static final String Q = "blk.0.attn_q.weight";

    @TempDir
    Path temp;

    /** Of the file as of the sums; an expert's own sums, and none where no token was sent to it. */
    @ParameterizedTest
    @ValueSource(strings = {"hf/llama", "hf/gpt2", "families/mixtral", "families/qwen2_moe", "families/phi3_longrope"})
    void theFileSaysWhatTheSumsSay(String golden) {
        try (Golden g = new Golden(Path.of("src/test/resources/golden", golden))) {
            Map<String, Tensor> state = ImatrixTest.squares(g.weights);
            Path file = temp.resolve("imatrix.gguf");
            Imatrix.write(file, g.weights, state::get, List.of("a.txt"), 1, 8);
            Importance sums = Importances.of(g.weights, state::get, "1", "sweep 1", "a.txt");
            Importance read = Importances.of(g.weights, file, "imatrix.gguf");
            int compared = 0;
            for (String weight : g.weights.names()) {
                double[] there = read.of(weight);
                if (weight.equals("embed.weight") || weight.equals("unembed.weight")) continue;
                if (sums.of(weight) == null) {
                    assertThat(there).as(weight).isNull();
                    continue;
                }
                long[] shape = g.weights.shape(weight);
                assertThat(there).as(weight).hasSize((int) shape[shape.length - 1]);
                double[] expected = sums.of(weight);
                for (int c = 0; c < there.length; c++)
                    assertThat(there[c]).as(weight).isCloseTo(expected[c], within(1e-6 * expected[c] + 1e-30));
                compared++;
            }
            assertThat(compared).isGreaterThan(7);
            assertThat(read.from(List.of()).corpora()).containsExactly("a.txt");
            assertThat(read.from(List.of()).tokens()).isEqualTo(8);
            if (!golden.endsWith("mixtral")) return;
            assertThat(sums.of("blocks.0.mlp.experts.0.in.weight"))
                    .isNotEqualTo(sums.of("blocks.0.mlp.experts.1.in.weight"));
        }
    }

    /** As tools/imatrix of llama.cpp writes it, with the sums of another forward pass (scripts/golden/make_imatrix.py). */
    @Test
    void llamaCppsFileWeighsAsASweepDoes() {
        Path file = Golden.ROOT.resolveSibling("imatrix/llama.gguf");
        try (Golden g = new Golden(Golden.ROOT.resolve("llama"))) {
            Importance sums = Importances.of(g.weights, ImatrixTest.squares(g.weights)::get, "1", "sweep 1", "a.txt");
            Importance read = Importances.of(g.weights, file, "llama.gguf");
            assertThat(read.from(List.of()).corpora()).containsExactly("calibration.txt");
            assertThat(read.from(List.of()).tokens()).isEqualTo(8);
            Map<String, QuantError.Weighted> swept = weighted(g, sums);
            Map<String, QuantError.Weighted> theirs = weighted(g, read);
            swept.remove("unembed.weight"); // llama.cpp leaves it out
            assertThat(theirs).hasSize(28).hasSameSizeAs(swept);
            theirs.forEach((weight, error) -> assertThat(error.relative())
                    .as(weight)
                    .isCloseTo(swept.get(weight).relative(), withinPercentage(0.001)));
        }
    }

    private static Map<String, QuantError.Weighted> weighted(Golden g, Importance importance) {
        Map<String, QuantError.Weighted> errors = new TreeMap<>();
        QuantReport.of(g.weights, QuantScheme.of("int4"), importance, p -> {}, () -> false)
                .weights()
                .forEach(row -> {
                    if (row.error() != null && row.error().weighted() != null) {
                        errors.put(row.name(), row.error().weighted());
                    }
                });
        return errors;
    }

    private static Tensor ones(float value, long... shape) {
        float[] x = new float[(int) Tensor.elements(shape)];
        Arrays.fill(x, value);
        return Tensor.of(x, shape);
    }

    private Path file(Map<String, Tensor> tensors) {
        Path file = temp.resolve("im.gguf");
        Map<String, Object> metadata = new LinkedHashMap<>(Map.of("general.type", "imatrix"));
        GgufWriter.write(file, metadata, new TreeMap<>(tensors));
        return file;
    }

    private static Importance of(Path file) {
        try (Golden g = new Golden(Golden.ROOT.resolve("llama"))) {
            return Importances.of(g.weights, file, "im.gguf");
        }
    }

    /** As llama.cpp writes them: one matrix's tensors have one axis. */
    @Test
    void tensorsOfOneAxisAreTaken() {
        Importance read = of(file(Map.of(Q + ".in_sum2", ones(12, 64), Q + ".counts", ones(4, 1))));
        for (String matrix : List.of("q", "k", "v"))
            assertThat(read.of("blocks.0.attn." + matrix + ".weight"))
                    .hasSize(64)
                    .containsOnly(3);
        assertThat(read.of("blocks.1.attn.q.weight")).isNull();
        assertThat(read.from(List.of()).tokens()).isEqualTo(4);
    }

    @Test
    void damageIsNamed() throws IOException {
        refused(Map.of(Q + ".in_sum2", ones(1, 1, 64)), Q + ".counts");
        refused(Map.of(Q + ".counts", ones(1, 1, 1)), Q + ".in_sum2");
        refused(Map.of(Q + ".in_sum2", ones(1, 1, 63), Q + ".counts", ones(1, 1, 1)), "64 inputs");
        refused(Map.of(Q + ".in_sum2", ones(1, 2, 64), Q + ".counts", ones(1, 2, 1)), "one count");
        for (float bad : new float[] {Float.NaN, -1, Float.POSITIVE_INFINITY}) {
            Tensor sums = ones(1, 1, 64);
            float[] x = sums.toFloats();
            x[5] = bad;
            refused(Map.of(Q + ".in_sum2", Tensor.of(x, 1, 64), Q + ".counts", ones(1, 1, 1)), Q + ".in_sum2[0, 5]");
            refused(Map.of(Q + ".in_sum2", sums, Q + ".counts", ones(bad, 1, 1)), Q + ".counts[0]");
        }
        refused(
                Map.of("blk.0.other.weight.in_sum2", ones(1, 8), "blk.0.other.weight.counts", ones(1, 1)),
                "another model");
        Path whole = file(Map.of(Q + ".in_sum2", ones(1, 1, 64), Q + ".counts", ones(1, 1, 1)));
        byte[] bytes = Files.readAllBytes(whole);
        for (int cut : new int[] {0, 3, 20, bytes.length / 2, bytes.length - 1}) {
            Path part = Files.write(temp.resolve("cut" + cut + ".gguf"), Arrays.copyOf(bytes, cut));
            assertThatThrownBy(() -> of(part)).as("first " + cut + " bytes").isInstanceOf(Problem.class);
        }
        Path model = Path.of("src/test/resources/golden/gguf/types/tiny64-Q4_0.gguf");
        assertThatThrownBy(() -> of(model)).hasMessageContaining("no importance matrix");
    }

    private void refused(Map<String, Tensor> tensors, String names) {
        Path file = file(tensors);
        assertThat(GgufFile.open(file).tensors()).hasSize(tensors.size());
        assertThatThrownBy(() -> of(file)).isInstanceOf(Problem.class).hasMessageContaining(names);
    }

    /** llama-imatrix's own format: a count of entries, then a name's length, the name, calls, values. */
    @Test
    void theFormatBeforeGgufIsRefusedInPlainWords() throws IOException {
        byte[] name = Q.getBytes(StandardCharsets.US_ASCII);
        ByteBuffer old = ByteBuffer.allocate(16 + name.length + 4 * 64).order(ByteOrder.LITTLE_ENDIAN);
        old.putInt(1).putInt(name.length).put(name).putInt(7).putInt(64);
        Path file = Files.write(temp.resolve("imatrix.dat"), old.array());
        assertThatThrownBy(() -> of(file))
                .isInstanceOf(Problem.class)
                .hasMessageContaining("before GGUF")
                .hasMessageContaining("llama-imatrix --in-file");
    }
}
