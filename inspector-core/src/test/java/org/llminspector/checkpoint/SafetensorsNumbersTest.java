package org.llminspector.checkpoint;

import static org.assertj.core.api.Assertions.assertThat;

import java.net.URISyntaxException;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.Objects;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.llminspector.base.DType;
import org.llminspector.base.HalfFloats;
import org.llminspector.base.Tensor;

/** Every number format as PyTorch reads it: numbers.safetensors was written by Python (make.py next to it). */
class SafetensorsNumbersTest {

    private static Path numbers() throws URISyntaxException {
        return Path.of(
                Objects.requireNonNull(SafetensorsNumbersTest.class.getResource("/safetensors/numbers.safetensors"))
                        .toURI());
    }

    @ParameterizedTest
    @EnumSource(DType.class)
    void readsWhatPyTorchReads(DType dtype) throws URISyntaxException {
        try (SafetensorsFile file = SafetensorsFile.open(numbers())) {
            Tensor codes = file.tensor(dtype.name());
            Tensor values = file.tensor(dtype.name() + ".value");
            assertThat(codes.dtype()).isEqualTo(dtype);
            assertThat(codes.shape()).isEqualTo(values.shape());
            for (int i = 0; i < codes.size(); i++) {
                assertThat((Double) codes.get(i)).as("%s code %d", dtype, i).isEqualTo((Double) values.get(i));
            }
        }
    }

    @Test
    void roundsAsPyTorchRounds() throws URISyntaxException {
        try (SafetensorsFile file = SafetensorsFile.open(numbers())) {
            float[] from = file.tensor("round.F32").toFloats();
            ByteBuffer f16 = file.tensor("round.F16").data();
            ByteBuffer bf16 = file.tensor("round.BF16").data();
            for (int i = 0; i < from.length; i++) {
                assertThat(HalfFloats.toF16(from[i])).as("F16 of %a", from[i]).isEqualTo(f16.getShort(2 * i));
                assertThat(HalfFloats.toBf16(from[i])).as("BF16 of %a", from[i]).isEqualTo(bf16.getShort(2 * i));
            }
        }
    }

    @Test
    void readsScalarsEmptyTensorsAndMetadata() throws URISyntaxException {
        try (SafetensorsFile file = SafetensorsFile.open(numbers())) {
            assertThat(file.tensor("scalar").shape()).isEmpty();
            assertThat(file.tensor("scalar").get(0)).isEqualTo(1.5);
            assertThat(file.tensor("empty").shape()).containsExactly(3, 0, 2);
            assertThat(file.tensor("empty").toFloats()).isEmpty();
            assertThat(file.metadata()).containsEntry("made by", "make.py").containsEntry("ünïcode", "→ 日本語");
        }
    }
}
