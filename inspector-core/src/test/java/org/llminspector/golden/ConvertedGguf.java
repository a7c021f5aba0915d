package org.llminspector.golden;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.llminspector.base.Json;
import org.llminspector.base.Tensor;
import org.llminspector.checkpoint.Checkpoint;
import org.llminspector.checkpoint.SafetensorsFile;
import org.llminspector.checkpoint.TensorInfo;
import org.llminspector.checkpoint.gguf.GgufFile;
import org.llminspector.checkpoint.gguf.GgufTensor;

/**
 * ConvertedGguf makes the file that llama.cpp's own converter made of a golden, in F32. Its keys, its tensors' names, shapes and places
 * are in golden/gguf/heads (scripts/golden/gguf_of.py); the values are the golden's in {@link ConvertedValues}' layout, and must be the
 * converter's by the number that is kept for each tensor.
 */
final class ConvertedGguf {

    private static final Path HEADS = Path.of("src/test/resources/golden/gguf/heads");
    private static final int MOST_DATA = 1 << 22;

    private ConvertedGguf() {}

    /** Families whose files were converted. */
    static List<String> families() {
        try (var files = Files.list(HEADS)) {
            return files.map(f -> f.getFileName().toString().replace(".head", ""))
                    .sorted()
                    .toList();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** Writes the file into the folder, and returns it with the golden's reference. */
    static GgufGolden write(String family, Path folder) {
        Path golden = Golden.FAMILIES.resolve(family);
        JsonNode config = Json.readObject(golden.resolve("config.json"));
        try {
            Files.createDirectories(folder);
            ByteBuffer kept = ByteBuffer.wrap(Files.readAllBytes(HEADS.resolve(family + ".head")))
                    .order(ByteOrder.LITTLE_ENDIAN);
            byte[] head = new byte[kept.getInt()];
            kept.get(head);
            Path empty = folder.resolve(family + "-empty.gguf");
            Files.write(empty, head);
            try (RandomAccessFile file = new RandomAccessFile(empty.toFile(), "rw")) {
                file.setLength(head.length + MOST_DATA);
            }
            ByteBuffer data = ByteBuffer.allocate(head.length + MOST_DATA).order(ByteOrder.LITTLE_ENDIAN);
            data.put(0, head);
            ConvertedValues values = new ConvertedValues(config, golden(golden));
            GgufTensor divisors = GgufFile.open(empty).tensors().get("rope_freqs.weight");
            if (divisors != null) { // which say what the model is
                values.divisors(data, divisors);
                empty = folder.resolve(family + "-turning.gguf");
                Files.write(empty, data.array());
            }
            try (Checkpoint checkpoint = Checkpoint.open(empty)) {
                for (TensorInfo t : checkpoint.tensors().values()) {
                    float[] part = values.inFile(t.name());
                    assertThat(4L * part.length).as(family + " " + t.name()).isEqualTo(t.bytes());
                    for (int i = 0; i < part.length; i++) data.putFloat((int) t.offset() + 4 * i, part[i]);
                }
                long end = 0;
                for (GgufTensor t : checkpoint.gguf().orElseThrow().tensors().values()) {
                    check(family, t, data, kept.getDouble());
                    end = Math.max(end, t.offset() + t.bytes());
                }
                assertThat(kept.remaining()).isZero();
                Path file = folder.resolve(family + ".gguf");
                Files.write(file, Arrays.copyOf(data.array(), (int) end));
                JsonNode noise = Json.readObject(golden.resolve("noise.json")).path("max_abs_diff");
                return new GgufGolden(file, golden.resolve("golden.safetensors"), noise);
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static Map<String, Tensor> golden(Path folder) {
        Map<String, Tensor> tensors = new TreeMap<>();
        try (SafetensorsFile file = SafetensorsFile.open(folder.resolve("model.safetensors"))) {
            for (String name : file.tensors().keySet()) {
                Tensor t = file.tensor(name);
                tensors.put(name, Tensor.of(t.toFloats(), t.shape()));
            }
        }
        return tensors;
    }

    private static void check(String family, GgufTensor t, ByteBuffer data, double kept) {
        double mark = 0;
        double all = 0;
        for (int i = 0; i < t.elements(); i++) {
            double value = data.getFloat((int) t.offset() + 4 * i);
            mark += value * (i * 7919L % 1000 / 1000.0);
            all += Math.abs(value);
        }
        assertThat(mark)
                .as(family + "'s " + t.name() + " is the converter's")
                .isCloseTo(kept, within(1e-6 * all + 1e-9));
    }
}
