package org.llminspector.local;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.util.List;
import java.util.stream.Stream;
import java.util.zip.CRC32C;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.llminspector.base.Json;
import org.llminspector.checkpoint.Checkpoint;
import org.llminspector.engine.Precision;
import org.llminspector.engine.PrecisionPlan;
import org.llminspector.engine.Session;
import org.llminspector.engine.SessionRequest;
import org.llminspector.engine.onnx.OnnxEngine;
import org.llminspector.family.Family;

/** What was made of weights is found by the next opening, which is the same; never what is broken, old or another's. */
class PreparedTensorsTest {

    private static final Path GEMMA = Path.of("src/test/resources/golden/hf/gemma3");

    @TempDir
    Path temp;

    private Path model;
    private Path kept;

    @BeforeEach
    void copy() throws IOException {
        model = Files.createDirectory(temp.resolve("model"));
        kept = temp.resolve("prepared");
        for (String f : List.of("config.json", "model.safetensors")) Files.copy(GEMMA.resolve(f), model.resolve(f));
    }

    private PreparedStore store(long limit) {
        return new PreparedStore(kept, limit, 0);
    }

    private PreparedStore store() {
        return store(1L << 30);
    }

    private float[] logits(PreparedStore store, Precision precision) {
        try (Checkpoint checkpoint = Checkpoint.open(model)) {
            PreparedTensors prepared = store.open(checkpoint, precision.label());
            PrecisionPlan plan = PrecisionPlan.of(precision);
            try (OnnxEngine engine = OnnxEngine.open(Family.open(checkpoint), "cpu", plan, prepared)) {
                prepared.finish(checkpoint.sha256(), checkpoint);
                if (store.keeps(checkpoint))
                    assertThat(engine.memory().mapped()).isPositive();
                try (Session session = engine.begin(SessionRequest.plain(3))) {
                    return session.append(new int[] {3, 1, 2});
                }
            }
        }
    }

    private List<Path> folders() throws IOException {
        if (!Files.isDirectory(kept)) return List.of();
        try (Stream<Path> all = Files.list(kept)) {
            return all.toList();
        }
    }

    @ParameterizedTest
    @EnumSource(names = {"INT8", "INT8_WEIGHT", "INT4_32", "INT4_128"})
    void theNextOpeningIsTheSame(Precision precision) throws IOException {
        float[] without = logits(store(0), precision);
        assertThat(folders()).isEmpty();
        assertThat(logits(store(), precision)).containsExactly(without);
        List<Path> first = folders();
        assertThat(first).hasSize(1);
        FileTime written = Files.getLastModifiedTime(first.get(0).resolve(PreparedTensors.DATA));
        assertThat(logits(store(), precision)).containsExactly(without);
        assertThat(folders()).isEqualTo(first);
        assertThat(Files.getLastModifiedTime(first.get(0).resolve(PreparedTensors.DATA)))
                .isEqualTo(written);
    }

    /** Changes every byte of the largest tensor, and with {@code told} its checksum in the index. */
    private void change(boolean told) throws IOException {
        Path folder = folders().get(0);
        ObjectNode index = (ObjectNode) Json.readObject(folder.resolve(PreparedTensors.INDEX));
        ObjectNode largest = null;
        long most = 0;
        for (var t : index.path("tensors")) {
            long size = 1;
            for (var d : t.path("shape")) size *= d.asLong();
            if (t.path("dtype").asText().equalsIgnoreCase("f32") || size <= most) continue;
            largest = (ObjectNode) t;
            most = size;
        }
        try (RandomAccessFile data =
                new RandomAccessFile(folder.resolve(PreparedTensors.DATA).toFile(), "rw")) {
            byte[] bytes = new byte[(int) most];
            data.seek(largest.path("offset").asLong());
            data.readFully(bytes);
            // The first tokens' rows are among these, in whichever order they lie.
            for (int i = 0; i < bytes.length; i++) bytes[i] ^= 5;
            data.seek(largest.path("offset").asLong());
            data.write(bytes);
            CRC32C sum = new CRC32C();
            sum.update(bytes);
            if (told) largest.put("crc32c", sum.getValue());
        }
        Files.writeString(folder.resolve(PreparedTensors.INDEX), Json.write(index));
    }

    @Test
    void whatIsKeptIsWhatIsReadAndNeverWhatIsBroken() throws IOException {
        float[] first = logits(store(), Precision.INT8);
        change(false);
        assertThat(logits(store(), Precision.INT8)).containsExactly(first);
        change(false); // as it was
        change(true);
        assertThat(logits(store(), Precision.INT8)).isNotEqualTo(first);
        Files.writeString(folders().get(0).resolve(PreparedTensors.INDEX), "{");
        assertThat(logits(store(), Precision.INT8)).containsExactly(first);
    }

    @Test
    void weightsThatWereWrittenAgainAreAnothersAndOneOfAHashStays() throws IOException {
        logits(store(), Precision.INT8);
        byte[] weights = Files.readAllBytes(model.resolve("model.safetensors"));
        Files.setLastModifiedTime(model.resolve("model.safetensors"), FileTime.fromMillis(1_000));
        logits(store(), Precision.INT8);
        assertThat(folders()).hasSize(1);
        weights[weights.length - 1] ^= 1;
        Files.write(model.resolve("model.safetensors"), weights);
        logits(store(), Precision.INT8);
        assertThat(folders()).hasSize(2);
    }

    @Test
    void whatWasUsedLongestAgoMakesRoomAndWhatDiedHalfWayGoes() throws IOException {
        logits(store(), Precision.INT8);
        Path first = folders().get(0);
        Files.setLastModifiedTime(first.resolve(PreparedTensors.INDEX), FileTime.fromMillis(1_000));
        long size = Files.size(first.resolve(PreparedTensors.DATA));
        long nobody = Stream.iterate(4_000_000L, p -> p + 1)
                .filter(p -> ProcessHandle.of(p).isEmpty())
                .findFirst()
                .orElseThrow();
        Path dead = Files.createDirectory(kept.resolve(".making-" + nobody + "-1"));
        Files.write(dead.resolve(PreparedTensors.DATA), new byte[10]);
        logits(store(size), Precision.INT4_128);
        assertThat(folders()).hasSize(1).doesNotContain(first, dead);
    }
}
