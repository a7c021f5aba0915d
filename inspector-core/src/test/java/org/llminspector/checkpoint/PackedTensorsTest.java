package org.llminspector.checkpoint;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.llminspector.base.Bytes;
import org.llminspector.base.DType;
import org.llminspector.base.Problem;
import org.llminspector.base.Tensor;
import org.llminspector.family.Family;
import org.llminspector.family.Weights;
import org.llminspector.golden.Golden;

class PackedTensorsTest {

    private static final Path MODEL = Golden.FAMILIES.resolve("gpt_oss_mxfp4");
    private static final String NAME = "model.layers.1.mlp.experts.gate_up_proj";

    @Test
    void blocksAndScalesAreOneTensorThatIsCountedAsWhatItIs() {
        try (Checkpoint checkpoint = Checkpoint.open(MODEL);
                SafetensorsFile file = SafetensorsFile.open(MODEL.resolve("model.safetensors"))) {
            TensorInfo info = checkpoint.info(NAME);
            assertThat(info.format()).isEqualTo("MXFP4");
            assertThat(info.shape()).containsExactly(4L, 128L, 64L);
            assertThat(info.elements()).isEqualTo(4 * 128 * 64);
            assertThat(info.bytes()).isEqualTo(4 * 128 * 64 / 2 + 4 * 128 * 64 / 32);
            assertThat(checkpoint.has(NAME + "_blocks")).isFalse();
            assertThat(checkpoint.bytes())
                    .isEqualTo(file.tensors().values().stream()
                            .mapToLong(TensorInfo::bytes)
                            .sum());
            Weights weights = Family.open(checkpoint);
            assertThat(weights.storedBytes()).isEqualTo(checkpoint.bytes());
            assertThat(weights.storedBytes("blocks.1.mlp.experts.3.gate.weight"))
                    .isEqualTo(64 * 64 / 32 * 17);
        }
    }

    /** The lower four bits first; a sign, two bits of exponent, one of mantissa; times a power of two. */
    @Test
    void itsRowsAreWhatTheCodesStandFor() {
        try (Checkpoint checkpoint = Checkpoint.open(MODEL);
                SafetensorsFile file = SafetensorsFile.open(MODEL.resolve("model.safetensors"))) {
            Bytes blocks = file.tensor(NAME + "_blocks").bytes();
            Bytes scales = file.tensor(NAME + "_scales").bytes();
            Tensor whole = checkpoint.get(NAME);
            byte[] one = new byte[1];
            for (int i = 0; i < whole.size(); i += 17) {
                blocks.get(i / 2, one, 0, 1);
                int code = one[0] >> (i % 2 * 4) & 15;
                scales.get(i / 32, one, 0, 1);
                int exponent = code >> 1 & 3;
                double size = exponent == 0 ? (code & 1) * 0.5 : (1 + (code & 1) * 0.5) * (1 << (exponent - 1));
                double expected = (code > 7 ? -size : size) * Math.pow(2, (one[0] & 255) - 127);
                assertThat(Math.abs(whole.get(i) - expected)).as("weight %s", i).isZero();
            }
            float[] some = checkpoint.packedRows(NAME, 129, 2, 3).toFloats();
            for (int i = 0; i < some.length; i++)
                assertThat((double) some[i]).isEqualTo(whole.get((129 + i / 64 * 2) * 64L + i % 64));
            assertThatThrownBy(() -> checkpoint.packedRows(NAME, 510, 2, 2))
                    .isInstanceOf(Problem.class)
                    .hasMessageContaining("no such rows");
        }
    }

    @Test
    void whatDoesNotFitTogetherStaysTwoTensors() {
        Map<String, TensorInfo> tensors = new LinkedHashMap<>();
        put(tensors, "a_blocks", DType.U8, 2, 3, 2, 16);
        put(tensors, "a_scales", DType.U8, 2, 3, 1);
        put(tensors, "b_blocks", DType.U8, 2, 3, 2, 8);
        put(tensors, "b_scales", DType.U8, 2, 3, 2);
        put(tensors, "c_blocks", DType.F32, 2, 3, 2, 16);
        put(tensors, "c_scales", DType.U8, 2, 3, 2);
        put(tensors, "d_blocks", DType.U8, 2, 3, 2, 16);
        put(tensors, "e_blocks", DType.U8, 2, 3, 2, 16);
        put(tensors, "e_scales", DType.U8, 2, 3, 2);
        put(tensors, "e", DType.F32, 2, 3);
        put(tensors, "f_blocks", DType.U8, 2, 3, 2, 16);
        put(tensors, "f_scales", DType.U8, 2, 3, 2);
        int before = tensors.size();
        PackedTensors packed = new PackedTensors(tensors);
        assertThat(tensors).hasSize(before - 1).containsKey("f").doesNotContainKeys("f_blocks", "f_scales", "a");
        assertThat(packed.has("f")).isTrue();
        assertThat(packed.has("e")).isFalse();
        assertThat(tensors.get("f").shape()).containsExactly(2L, 3L, 64L);
    }

    private static void put(Map<String, TensorInfo> tensors, String name, DType dtype, long... shape) {
        List<Long> sizes = java.util.Arrays.stream(shape).boxed().toList();
        long bytes = Tensor.elements(shape) * dtype.bytes();
        tensors.put(name, new TensorInfo(name, dtype, sizes, MODEL, 0, bytes));
    }
}
