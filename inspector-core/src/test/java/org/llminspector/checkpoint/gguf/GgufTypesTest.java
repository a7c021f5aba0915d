package org.llminspector.checkpoint.gguf;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;
import org.llminspector.base.Tensor;
import org.llminspector.checkpoint.SafetensorsFile;
import org.llminspector.golden.GgufGolden;

/** Every tensor type decodes to exactly what gguf-py gives, bit by bit. */
class GgufTypesTest {

    private static final Path MXFP4 = Path.of("src/test/resources/golden/mxfp4/weight.gguf");

    @TestFactory
    List<DynamicTest> decoded() {
        List<DynamicTest> tests = new ArrayList<>();
        for (GgufGolden g : GgufGolden.all("types")) tests.add(DynamicTest.dynamicTest(g.toString(), () -> check(g)));
        return tests;
    }

    @Test
    void everyFloatTypeIsInTheGoldens() {
        Set<GgmlType> seen =
                EnumSet.of(GgmlType.F16, GgmlType.F64, GgmlType.I8, GgmlType.I16, GgmlType.I32, GgmlType.I64);
        for (GgufGolden g : GgufGolden.all("types")) {
            GgufFile.open(g.model()).tensors().values().forEach(t -> seen.add(t.type()));
        }
        GgufFile.open(MXFP4).tensors().values().forEach(t -> seen.add(t.type()));
        assertThat(seen).isEqualTo(EnumSet.allOf(GgmlType.class));
    }

    /** All scales with all levels: no model is made in it alone, so that it has a file of one tensor. */
    @Test
    void mxfp4IsWhatGgufPyGives() {
        GgufFile file = GgufFile.open(MXFP4);
        GgufTensor tensor = file.tensors().get("weight");
        float[] ours = file.tensor("weight").toFloats();
        try (SafetensorsFile golden = SafetensorsFile.open(GgufGolden.of(MXFP4).tensors())) {
            float[] reference = golden.tensor("weight").toFloats();
            assertThat(ours).hasSameSizeAs(reference);
            rows(tensor, ours, reference);
        }
        blocks(file, tensor, ours);
    }

    private static void check(GgufGolden g) {
        GgufFile file = GgufFile.open(g.model());
        try (SafetensorsFile golden = SafetensorsFile.open(g.tensors())) {
            int compared = 0;
            for (GgufTensor t : file.tensors().values()) {
                if (!golden.tensors().containsKey("deq." + t.name())) {
                    assertThat(t.name()).startsWith("rope_");
                    continue;
                }
                float[] ours = file.tensor(t.name()).toFloats();
                float[] reference = golden.tensor("deq." + t.name()).toFloats();
                rows(t, ours, reference);
                sums(t, ours, golden.tensor("sums." + t.name()));
                blocks(file, t, ours);
                compared++;
            }
            assertThat(compared).isGreaterThan(15);
        }
    }

    /** The first and the last half of the reference's rows are the tensor's first and last rows. */
    private static void rows(GgufTensor t, float[] ours, float[] reference) {
        boolean whole = reference.length == ours.length;
        int half = whole ? reference.length : reference.length / 2;
        for (int i = 0; i < reference.length; i++) {
            int at = i < half ? i : ours.length - reference.length + i;
            if (Float.floatToRawIntBits(ours[at]) != Float.floatToRawIntBits(reference[i])) {
                assertThat(ours[at]).as(t + " value " + at).isEqualTo(reference[i]);
            }
        }
    }

    private static void sums(GgufTensor t, float[] ours, Tensor reference) {
        double sum = 0;
        double abs = 0;
        double square = 0;
        for (float v : ours) {
            sum += v;
            abs += Math.abs(v);
            square += (double) v * v;
        }
        // Order of summation: float64 noise alone.
        assertThat(sum).as(t + " sum").isCloseTo(reference.get(0), within(1e-12 * (1 + abs)));
        assertThat(abs).as(t + " sum |x|").isCloseTo(reference.get(1), within(1e-12 * (1 + abs)));
        assertThat(square).as(t + " sum x^2").isCloseTo(reference.get(2), within(1e-12 * (1 + square)));
    }

    /** A block's codes, scales and mins give its values, and those are the tensor's. */
    private static void blocks(GgufFile file, GgufTensor t, float[] ours) {
        if (!t.type().isBlocks()) return;
        long rows = t.shape().get(0);
        for (long row : new long[] {0, rows / 2, rows - 1}) {
            long column = t.rowSize() - 1;
            GgufBlock b = file.block(t, row, column);
            assertThat(b.codes()).hasSize(t.type().blockSize());
            assertThat(b.column())
                    .isEqualTo(column / t.type().blockSize() * t.type().blockSize());
            for (int i = 0; i < b.values().size(); i++) {
                int group = i / b.groupSize();
                float value = b.scales().get(group) * b.codes().get(i);
                if (!b.mins().isEmpty()) value += b.mins().get(group);
                assertThat(b.values().get(i)).isEqualTo(value);
                assertThat(value).isEqualTo(ours[(int) (row * t.rowSize() + b.column() + i)]);
            }
            assertThat(file.rows(t, (int) row, (int) row + 1).toFloats())
                    .isEqualTo(java.util.Arrays.copyOfRange(
                            ours, (int) (row * t.rowSize()), (int) ((row + 1) * t.rowSize())));
        }
    }
}
