package org.llminspector.checkpoint;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.Channels;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.llminspector.base.DType;
import org.llminspector.base.Problem;
import org.llminspector.base.Tensor;

/** SafetensorsWriter: the bytes of the format, and files that are whole or not there. */
class SafetensorsWriterTest {

    @TempDir
    Path dir;

    @Test
    void writesTheFormatByteForByte() throws IOException {
        Map<String, Tensor> tensors = new LinkedHashMap<>();
        tensors.put("z", Tensor.of(DType.U8, ByteBuffer.wrap(new byte[] {7}), 1));
        tensors.put("a", Tensor.of(new float[] {1, 2}, 2, 1));
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        SafetensorsWriter.write(Channels.newChannel(out), tensors, Map.of("k", "v\""));

        ByteBuffer file = ByteBuffer.wrap(out.toByteArray()).order(ByteOrder.LITTLE_ENDIAN);
        int length = (int) file.getLong();
        assertThat(length % 8).isZero();
        byte[] header = new byte[length];
        file.get(header);
        assertThat(new String(header, StandardCharsets.UTF_8).stripTrailing())
                .isEqualTo("{\"__metadata__\":{\"k\":\"v\\\"\"},"
                        + "\"z\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[8,9]},"
                        + "\"a\":{\"dtype\":\"F32\",\"shape\":[2,1],\"data_offsets\":[0,8]}}");
        assertThat(file.getFloat()).isEqualTo(1);
        assertThat(file.getFloat()).isEqualTo(2);
        assertThat(file.get()).isEqualTo((byte) 7);
        assertThat(file.hasRemaining()).isFalse();
    }

    @Test
    void largeTensorsGoThroughInPieces() {
        float[] values = new float[3 * 1024 * 1024 / 4 + 5];
        for (int i = 0; i < values.length; i++) values[i] = i;
        Path file = dir.resolve("x.safetensors");
        SafetensorsWriter.write(file, Map.of("x", Tensor.of(values, values.length)), Map.of());
        try (SafetensorsFile f = SafetensorsFile.open(file)) {
            assertThat(f.tensor("x").toFloats()).isEqualTo(values);
        }
    }

    @Test
    void rewritingWhatPythonWroteKeepsEveryTensor() {
        Path golden = Path.of("src/test/resources/safetensors/numbers.safetensors");
        Path copy = dir.resolve("copy.safetensors");
        try (SafetensorsFile from = SafetensorsFile.open(golden)) {
            Map<String, Tensor> tensors = new TreeMap<>();
            from.tensors().keySet().forEach(name -> tensors.put(name, from.tensor(name)));
            SafetensorsWriter.write(copy, tensors, from.metadata());
            try (SafetensorsFile to = SafetensorsFile.open(copy)) {
                assertThat(to.metadata()).isEqualTo(from.metadata());
                tensors.forEach((name, t) -> assertThat(to.tensor(name).data()).isEqualTo(t.data()));
            }
        }
    }

    @Test
    void aFileIsReplacedWholeAndAFailureLeavesTheOldOne() throws IOException {
        Path file = dir.resolve("x.safetensors");
        SafetensorsWriter.write(file, Map.of("x", Tensor.of(new float[] {1}, 1)), Map.of());
        byte[] before = Files.readAllBytes(file);
        assertThatThrownBy(() ->
                        SafetensorsWriter.write(file, Map.of("__metadata__", Tensor.of(new float[] {1}, 1)), Map.of()))
                .isInstanceOf(IllegalArgumentException.class);
        assertThat(file).hasBinaryContent(before);
        SafetensorsWriter.write(file, Map.of("y", Tensor.of(new float[] {2}, 1)), Map.of());
        try (SafetensorsFile f = SafetensorsFile.open(file)) {
            assertThat(f.tensors()).containsOnlyKeys("y");
        }
        try (Stream<Path> left = Files.list(dir)) {
            assertThat(left.toList()).isEqualTo(List.of(file));
        }
    }

    @Test
    void aFolderThatIsNotThereIsAProblem() {
        Path file = dir.resolve("no/x.safetensors");
        assertThatThrownBy(() -> SafetensorsWriter.write(file, Map.of(), Map.of()))
                .isInstanceOf(Problem.class)
                .hasMessageContaining(file.toString());
    }
}
