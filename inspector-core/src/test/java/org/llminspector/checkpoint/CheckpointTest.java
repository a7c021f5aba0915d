package org.llminspector.checkpoint;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.llminspector.base.Problem;
import org.llminspector.base.Tensor;

/** Checkpoint: folders as Hugging Face makes them, and folders as attackers and broken downloads make them. */
class CheckpointTest {

    private static final String ONE = "model-00001-of-00002.safetensors";
    private static final String TWO = "model-00002-of-00002.safetensors";

    @TempDir
    Path tmp;

    private Path dir() throws IOException {
        return Files.createDirectories(tmp.resolve("model"));
    }

    private static void weights(Path file, String... names) {
        Map<String, Tensor> tensors = new LinkedHashMap<>();
        for (String name : names) tensors.put(name, Tensor.of(new float[] {1, 2, 3, 4, 5, name.length()}, 2, 3));
        SafetensorsWriter.write(file, tensors, Map.of("format", "pt"));
    }

    private static void index(Path dir, String weightMap) throws IOException {
        Files.writeString(
                dir.resolve(WeightFiles.INDEX), "{\"metadata\":{\"total_size\":1},\"weight_map\":" + weightMap + "}");
    }

    private Path sharded() throws IOException {
        Path dir = dir();
        weights(dir.resolve(ONE), "a", "b");
        weights(dir.resolve(TWO), "ccc");
        index(dir, "{\"a\":\"" + ONE + "\",\"b\":\"" + ONE + "\",\"ccc\":\"" + TWO + "\"}");
        return dir;
    }

    private static Problem refused(Path dir) {
        Problem p =
                catchThrowableOfType(Problem.class, () -> Checkpoint.open(dir).close());
        assertThat(p).isNotNull();
        return p;
    }

    @Test
    void opensASingleFile() throws Exception {
        Path dir = dir();
        weights(dir.resolve("model.safetensors"), "embed", "head");
        weights(dir.resolve("other.safetensors"), "not this");
        Files.writeString(dir.resolve("config.json"), "{\"model_type\":\"gpt2\"}");
        try (Checkpoint c = Checkpoint.open(dir)) {
            assertThat(c.tensors()).containsOnlyKeys("embed", "head");
            assertThat(c.has("head")).isTrue();
            assertThat(c.has("tail")).isFalse();
            assertThat(c.get("head", 2, 3).toFloats()).containsExactly(1, 2, 3, 4, 5, 4);
            assertThat(c.config().get("model_type").asText()).isEqualTo("gpt2");
            assertThat(c.parameters()).isEqualTo(12);
            assertThat(c.bytes()).isEqualTo(48);
            assertThat(c.sha256()).isEqualTo(sha256(Files.readAllBytes(dir.resolve("model.safetensors"))));
        }
    }

    @Test
    void opensShardsWithTheirIndex() throws Exception {
        Path dir = sharded();
        try (Checkpoint c = Checkpoint.open(dir)) {
            assertThat(c.tensors().keySet()).containsExactly("a", "b", "ccc");
            assertThat(c.get("ccc").get(5)).isEqualTo(3);
            assertThat(c.tensors().get("ccc").file()).isEqualTo(dir.resolve(TWO));
            String lines = sha256(Files.readAllBytes(dir.resolve(ONE))) + "  " + ONE + "\n"
                    + sha256(Files.readAllBytes(dir.resolve(TWO))) + "  " + TWO + "\n";
            assertThat(c.sha256()).isEqualTo(sha256(lines.getBytes(StandardCharsets.UTF_8)));
            assertThat(c.sha256()).isSameAs(c.sha256());
        }
    }

    @Test
    void opensTheOnlyFileThereIs() throws IOException {
        weights(dir().resolve("weights.safetensors"), "a");
        try (Checkpoint c = Checkpoint.open(dir())) {
            assertThat(c.tensors()).containsOnlyKeys("a");
        }
    }

    @Test
    void aTensorIsAskedForWithItsShape() throws IOException {
        try (Checkpoint c = Checkpoint.open(sharded())) {
            Problem p = catchThrowableOfType(Problem.class, () -> c.get("ccc", 3, 2));
            assertThat(p.where()).contains(TWO).contains("\"ccc\"");
            assertThat(p.expected()).isEqualTo("[3, 2]");
            assertThat(p.found()).isEqualTo("[2, 3]");
            assertThatThrownBy(() -> c.get("ccc", new long[0])).isInstanceOf(Problem.class);
            Problem missing = catchThrowableOfType(Problem.class, () -> c.get("cc", 3, 2));
            assertThat(missing.kind()).isEqualTo(Problem.Kind.NOT_FOUND);
            assertThat(missing.instead()).startsWith("closest: \"ccc\"");
        }
    }

    @Test
    void foldersWithoutWeights() throws IOException {
        assertThat(refused(tmp.resolve("no")).what()).contains("folder is missing");
        assertThat(refused(dir()).what()).contains("holds no weights");
        Path file = Files.writeString(tmp.resolve("x.safetensors"), "");
        assertThat(refused(file).what()).contains("a model is a folder");
    }

    @ParameterizedTest
    @ValueSource(
            strings = {"pytorch_model.bin", "pytorch_model-00001-of-00002.bin", "consolidated.00.pth", "x.PT", "a.ckpt"
            })
    void picklesAreRefusedWithTheReasonAndAWayOut(String name) throws IOException {
        Files.writeString(dir().resolve(name), "cos\nsystem\n(S'rm -rf /'\ntR.");
        Problem p = refused(dir());
        assertThat(p.kind()).isEqualTo(Problem.Kind.UNSUPPORTED);
        assertThat(p.what()).contains("runs the code");
        assertThat(p.found()).contains(name);
        assertThat(p.instead()).contains("safe_serialization");
    }

    @Test
    void picklesBesideSafetensorsDoNotMatter() throws IOException {
        weights(dir().resolve("model.safetensors"), "a");
        Files.writeString(dir().resolve("pytorch_model.bin"), "");
        Checkpoint.open(dir()).close();
    }

    @Test
    void halfAShard() throws IOException {
        Path dir = sharded();
        Files.delete(dir.resolve(TWO));
        Problem p = refused(dir);
        assertThat(p.kind()).isEqualTo(Problem.Kind.NOT_FOUND);
        assertThat(p.expected()).startsWith("2 shards");
        assertThat(p.found()).isEqualTo("1; missing: \"" + TWO + "\"");

        Files.delete(dir.resolve(WeightFiles.INDEX));
        assertThat(refused(dir).what()).contains("one shard of a model");
        weights(dir.resolve(TWO), "ccc");
        assertThat(refused(dir).what()).contains("no index");
    }

    @Test
    void aShardThatStoppedDownloading() throws IOException {
        Path dir = sharded();
        byte[] whole = Files.readAllBytes(dir.resolve(TWO));
        Files.write(dir.resolve(TWO), Arrays.copyOf(whole, whole.length - 1));
        Problem p = refused(dir);
        assertThat(p.where()).contains(TWO);
        assertThat(p.instead()).contains("download it again");
    }

    @Test
    void theIndexAndTheShardsMustAgree() throws IOException {
        Path dir = sharded();
        index(dir, "{\"a\":\"" + ONE + "\",\"x\":\"" + ONE + "\",\"ccc\":\"" + TWO + "\"}");
        Problem p = refused(dir);
        assertThat(p.where()).contains("\"x\"");
        assertThat(p.found()).isEqualTo("it in no shard");

        index(dir, "{\"a\":\"" + TWO + "\",\"ccc\":\"" + TWO + "\",\"b\":\"" + ONE + "\"}");
        assertThat(refused(dir).found()).isEqualTo("it in " + ONE);

        weights(dir.resolve(TWO), "a", "ccc");
        index(dir, "{\"a\":\"" + ONE + "\",\"ccc\":\"" + TWO + "\"}");
        assertThat(refused(dir).what()).contains("two shards hold the same tensor");
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "../secret.safetensors",
                "/etc/passwd",
                "/etc/passwd.safetensors",
                "sub/../../secret.safetensors",
                "sub/x.safetensors",
                "..\\\\secret.safetensors",
                "C:secret.safetensors",
                "file:///etc/passwd.safetensors",
                "..",
                ".",
                "",
                "pytorch_model.bin",
                "a\\u0000.safetensors",
                "a\\n.safetensors"
            })
    void namesThatLeadElsewhere(String name) throws IOException {
        Path dir = dir();
        weights(tmp.resolve("secret.safetensors"), "a");
        index(dir, "{\"a\":\"" + name + "\"}");
        Problem p = refused(dir);
        assertThat(p.what()).contains("names a file that a model may not have");
        assertThat(p.where()).contains(WeightFiles.INDEX);
    }

    @Test
    void aLongNameIsShownShort() throws IOException {
        index(dir(), "{\"a\":\"" + "x".repeat(3000) + ".safetensors\"}");
        assertThat(refused(dir()).getMessage()).hasSizeLessThan(700);
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "",
                "[]",
                "null",
                "{",
                "{}",
                "{\"weight_map\":{}}",
                "{\"weight_map\":[]}",
                "{\"weight_map\":{\"a\":1}}",
                "{\"weight_map\":{\"a\":{}}}",
                "{\"weight_map\":{\"a\":\"x.safetensors\",\"a\":\"x.safetensors\"}}",
                "{\"weight_map\":{\"a\":\"x.safetensors\"},\"weight_map\":{\"a\":\"x.safetensors\"}}",
                "{\"weight_map\":{\"a\":\"x.safetensors\"}} {}",
                "{\"weight_map\":{\"a\":\"x.safetensors\"}"
            })
    void brokenIndexes(String json) throws IOException {
        weights(dir().resolve("x.safetensors"), "a");
        Files.writeString(dir().resolve(WeightFiles.INDEX), json);
        assertThat(refused(dir()).where()).contains(WeightFiles.INDEX);
    }

    @Test
    void hostileIndexesCostNothing() throws IOException {
        Files.writeString(dir().resolve(WeightFiles.INDEX), "{\"metadata\":" + "[".repeat(3_000_000));
        assertThat(refused(dir()).what()).contains("not valid JSON");
        Files.write(dir().resolve(WeightFiles.INDEX), new byte[] {'{', '"', (byte) 0xFF, '"', ':', '1', '}'});
        assertThat(refused(dir()).where()).contains(WeightFiles.INDEX);
    }

    @Test
    void linksOutOfTheFolderAreRefused() throws IOException {
        Path secret = tmp.resolve("secret.safetensors");
        weights(secret, "a");
        Path dir = dir();
        Files.createSymbolicLink(dir.resolve("model.safetensors"), secret);
        Problem p = refused(dir);
        assertThat(p.what()).contains("leads out of the model's folder");

        Files.delete(dir.resolve("model.safetensors"));
        Files.createSymbolicLink(dir.resolve("only.safetensors"), secret);
        assertThat(refused(dir).what()).contains("leads out");

        Files.createSymbolicLink(dir.resolve(ONE), Path.of("../secret.safetensors"));
        index(dir, "{\"a\":\"" + ONE + "\"}");
        assertThat(refused(dir).what()).contains("leads out");

        Files.delete(dir.resolve(WeightFiles.INDEX));
        Path outside = Files.writeString(tmp.resolve("outside.json"), "{}");
        Files.createSymbolicLink(dir.resolve(WeightFiles.INDEX), outside);
        assertThat(refused(dir).what()).contains("leads out");

        weights(Files.createDirectories(tmp.resolve("two")).resolve("model.safetensors"), "a");
        Files.createSymbolicLink(tmp.resolve("two/config.json"), outside);
        try (Checkpoint c = Checkpoint.open(tmp.resolve("two"))) {
            assertThatThrownBy(c::config).isInstanceOf(Problem.class).hasMessageContaining("leads out");
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"model.safetensors", WeightFiles.INDEX, "only.safetensors"})
    void foldersAndPipesInTheFilesPlaceAreRefused(String name) throws Exception {
        Files.createDirectories(dir().resolve(name));
        assertThat(refused(dir()).what()).contains("not a file");
        Files.delete(dir().resolve(name));
        Process mkfifo = new ProcessBuilder("mkfifo", dir().resolve(name).toString()).start();
        if (mkfifo.waitFor() == 0) assertThat(refused(dir()).what()).contains("not a file");
    }

    @Test
    void danglingLinksSaySo() throws IOException {
        Files.createSymbolicLink(dir().resolve("model.safetensors"), Path.of("nothing"));
        assertThat(refused(dir()).what()).contains("what it points at is missing");
    }

    @Test
    void linksWithinTheFolderAndToTheFolderAreFine() throws IOException {
        weights(dir().resolve("weights.safetensors"), "a");
        Files.createSymbolicLink(dir().resolve("model.safetensors"), Path.of("weights.safetensors"));
        Path link = Files.createSymbolicLink(tmp.resolve("link"), dir());
        try (Checkpoint c = Checkpoint.open(link)) {
            assertThat(c.tensors()).containsOnlyKeys("a");
            assertThat(c.dir()).isEqualTo(link);
        }
    }

    @Test
    void theHuggingFaceCacheWorksAsItIs() throws IOException {
        Path repo = Files.createDirectories(tmp.resolve("hub/models--org--name"));
        Path blobs = Files.createDirectories(repo.resolve("blobs"));
        Path snapshot = Files.createDirectories(repo.resolve("snapshots/0123abcd"));
        weights(blobs.resolve("f00d"), "a");
        weights(blobs.resolve("beef"), "ccc");
        Files.writeString(blobs.resolve("1dx"), "{\"weight_map\":{\"a\":\"" + ONE + "\",\"ccc\":\"" + TWO + "\"}}");
        Files.writeString(blobs.resolve("c0f"), "{\"model_type\":\"llama\"}");
        Files.createSymbolicLink(snapshot.resolve(ONE), Path.of("../../blobs/f00d"));
        Files.createSymbolicLink(snapshot.resolve(TWO), Path.of("../../blobs/beef"));
        Files.createSymbolicLink(snapshot.resolve(WeightFiles.INDEX), Path.of("../../blobs/1dx"));
        Files.createSymbolicLink(snapshot.resolve("config.json"), Path.of("../../blobs/c0f"));
        try (Checkpoint c = Checkpoint.open(snapshot)) {
            assertThat(c.tensors()).containsOnlyKeys("a", "ccc");
            assertThat(c.config().get("model_type").asText()).isEqualTo("llama");
            assertThat(c.sha256()).hasSize(64);
        }
        Files.delete(snapshot.resolve(TWO));
        Files.createSymbolicLink(snapshot.resolve(TWO), Path.of("../../../other/blobs/beef"));
        assertThat(refused(snapshot).kind()).isEqualTo(Problem.Kind.NOT_FOUND);
    }

    private static String sha256(byte[] bytes) throws Exception {
        return HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(bytes));
    }
}
