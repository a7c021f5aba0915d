package org.llminspector.golden;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.TestFactory;
import org.junit.jupiter.api.io.TempDir;
import org.llminspector.base.Problem;
import org.llminspector.checkpoint.Checkpoint;
import org.llminspector.checkpoint.gguf.GgufFile;
import org.llminspector.checkpoint.gguf.GgufTensor;
import org.llminspector.checkpoint.gguf.RawGguf;
import org.llminspector.family.Family;

/**
 * Each key that llama.cpp's converter writes ({@link ConvertedGguf}), left out, of another type, or with a list of another length: the
 * model opens, or a Problem names the file, what it expected and what it found; of another type or length, also the key.
 */
class GgufKeysTest {

    /** Whose type says nothing: they are read only to be told from those that are not understood. */
    private static final Set<String> UNREAD = Set.of(
            "vocab_size",
            "full_attention_interval",
            "attention.recurrent_layers",
            "rope.dimension_sections",
            "rope.scaling.finetuned");

    @TempDir
    static Path temp;

    @TestFactory
    List<DynamicTest> keys() {
        List<DynamicTest> tests = new ArrayList<>();
        for (String family : ConvertedGguf.families())
            tests.add(DynamicTest.dynamicTest(family, () -> damaged(family)));
        return tests;
    }

    private static void damaged(String family) throws IOException {
        RawGguf raw = raw(ConvertedGguf.write(family, temp.resolve(family)).model());
        Path file = temp.resolve(family + ".gguf");
        String prefix = raw.metadata.get("general.architecture") + ".";
        assertThat(problem(raw, file)).as(family + " as it is").isNull();
        for (String key : List.copyOf(raw.metadata.keySet())) {
            if (!key.startsWith(prefix)) continue;
            Object value = raw.metadata.remove(key);
            check(problem(raw, file), file, family + " without " + key);
            Problem typed = problem(raw.put(key, "x"), file);
            check(typed, file, family + " with a text at " + key);
            if (!UNREAD.contains(key.substring(prefix.length())) && !(value instanceof String))
                assertThat(typed.where()).as(family + " " + key).contains(key);
            Object longer = longer(value);
            if (longer != null) {
                Problem counted = problem(raw.put(key, longer), file);
                check(counted, file, family + " with a longer " + key);
                if (!UNREAD.contains(key.substring(prefix.length())) && !same(value))
                    assertThat(counted.where()).as(family + " " + key).contains(key);
            }
            raw.put(key, value);
        }
    }

    private static void check(Problem p, Path file, String what) {
        if (p == null) return;
        assertThat(p.where())
                .as(what)
                .contains(file.getParent().toString()); // the file, or its folder where a tensor is missing
        if (!p.what().contains("no such tensor"))
            assertThat(p.expected()).as(what).isNotBlank();
        assertThat(p.found()).as(what).isNotBlank();
    }

    private static Object longer(Object value) {
        if (value instanceof int[] list) return Arrays.copyOf(list, list.length + 1);
        if (value instanceof float[] list) return Arrays.copyOf(list, list.length + 1);
        if (value instanceof boolean[] list) return Arrays.copyOf(list, list.length + 1);
        return null;
    }

    /** A list of one size, which may be of any length. */
    private static boolean same(Object value) {
        return value instanceof int[] list && Arrays.stream(list).distinct().count() == 1;
    }

    private static Problem problem(RawGguf raw, Path file) {
        try (Checkpoint c = Checkpoint.open(raw.write(file))) {
            Family.open(c).spec();
            return null;
        } catch (Problem p) {
            return p;
        }
    }

    /** The file with its own keys, to be changed. */
    private static RawGguf raw(Path model) throws IOException {
        GgufFile file = GgufFile.open(model);
        RawGguf raw = new RawGguf();
        for (String key : file.metadata().keys()) {
            Object value = file.metadata().value(key);
            if (value instanceof Long n) raw.put(key, (int) (long) n);
            else if (value instanceof long[] list)
                raw.put(key, Arrays.stream(list).mapToInt(n -> (int) n).toArray());
            else raw.put(key, value);
        }
        long start = file.tensors().values().stream()
                .mapToLong(GgufTensor::offset)
                .min()
                .orElseThrow();
        for (GgufTensor t : file.tensors().values()) {
            long[] columnsFirst = new long[t.shape().size()];
            for (int i = 0; i < columnsFirst.length; i++)
                columnsFirst[i] = t.shape().get(columnsFirst.length - 1 - i);
            raw.tensor(t.name(), 0, t.offset() - start, columnsFirst);
        }
        ByteBuffer all = ByteBuffer.wrap(Files.readAllBytes(model)).order(ByteOrder.LITTLE_ENDIAN);
        raw.data = Arrays.copyOfRange(all.array(), (int) start, all.capacity());
        return raw;
    }
}
