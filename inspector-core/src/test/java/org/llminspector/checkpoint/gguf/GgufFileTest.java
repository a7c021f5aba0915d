package org.llminspector.checkpoint.gguf;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import java.io.RandomAccessFile;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.function.Consumer;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.llminspector.base.DType;
import org.llminspector.base.Problem;

/** What GGUF files hold, and everything that can be wrong with one. */
class GgufFileTest {

    private static final long HUGE = 1L << 60;

    @TempDir
    Path temp;

    private Path file;
    private RawGguf raw;

    @BeforeEach
    void twoTensors() {
        file = temp.resolve("x.gguf");
        raw = new RawGguf().put("general.architecture", "llama").put("llama.block_count", 2);
        raw.tensor("a", 0, 0, 3, 2).tensor("b", 1, 32, 4);
        raw.data = new byte[64];
        raw.data[3] = 0x3F; // a[0][0] = 0.5
        raw.data[33] = 0x3C; // b[0] = 1
    }

    private GgufFile open() {
        return GgufFile.open(raw.write(file));
    }

    private Problem refused(Consumer<RawGguf> change) {
        change.accept(raw);
        return refused(raw.bytes());
    }

    private Problem refused(byte[] bytes) {
        try {
            Files.write(file, bytes);
        } catch (java.io.IOException e) {
            throw new java.io.UncheckedIOException(e);
        }
        Problem p = catchThrowableOfType(Problem.class, () -> GgufFile.open(file));
        assertThat(p).isNotNull();
        assertThat(p.where()).contains(file.toString());
        return p;
    }

    @ParameterizedTest
    @ValueSource(ints = {2, 3})
    void opens(int version) {
        raw.version = version;
        GgufFile f = open();
        assertThat(f.tensors().keySet()).containsExactly("a", "b");
        assertThat(f.tensor("a").shape()).containsExactly(2, 3);
        assertThat(f.tensor("a").toFloats()).containsExactly(0.5f, 0, 0, 0, 0, 0);
        assertThat(f.tensor("b").dtype()).isEqualTo(DType.F16);
        assertThat(f.tensor("b").toFloats()).containsExactly(1, 0, 0, 0);
        assertThat(f.rows(f.tensors().get("a"), 1, 2).shape()).containsExactly(1, 3);
        assertThat(f.metadata().size("llama.block_count")).isEqualTo(2);
    }

    @Test
    void everyKindOfValue() {
        raw.put("u8", RawGguf.numbers(4, 0, 1, 255))
                .put("i8", RawGguf.numbers(4, 1, 1, -2))
                .put("u16", RawGguf.numbers(4, 2, 2, 65535))
                .put("i16", RawGguf.numbers(4, 3, 2, -3))
                .put("i32", RawGguf.numbers(4, 5, 4, -4))
                .put("u32", -1)
                .put("u64", -1L)
                .put("f32", 1e-6f)
                .put("f64", RawGguf.numbers(4, 12, 8, Double.doubleToLongBits(0.1)))
                .put("bool", true)
                .put("floats", new float[] {1, 2})
                .put("wholes", new int[] {-1, 7})
                .put("texts", List.of("x", "▁y"))
                .put("nested", RawGguf.numbers(4, 9, 4, 9, 8, 1, 4, 0, 8, 2, 1, 5, 1, 6));
        GgufMetadata m = open().metadata();
        assertThat(m.value("u8")).isEqualTo(255L);
        assertThat(m.value("i8")).isEqualTo(-2L);
        assertThat(m.value("u16")).isEqualTo(65535L);
        assertThat(m.value("i16")).isEqualTo(-3L);
        assertThat(m.value("i32")).isEqualTo(-4L);
        assertThat(m.value("u32")).isEqualTo(4294967295L);
        assertThat(m.value("u64")).isEqualTo(-1L);
        assertThat(m.number("f32", 0)).isEqualTo(1e-6);
        assertThat(m.number("f64", 0)).isEqualTo(0.1);
        assertThat(m.flag("bool", false)).isTrue();
        assertThat(m.floats("floats")).containsExactly(1, 2);
        assertThat(m.wholes("wholes")).containsExactly(-1, 7);
        assertThat(m.texts("texts")).containsExactly("x", "▁y");
        assertThat((List<?>) m.value("nested")).hasSize(1);
        Problem p = catchThrowableOfType(Problem.class, () -> m.size("f32"));
        assertThat(p.where()).contains(file.toString()).contains("f32");
    }

    @Test
    void noGguf() {
        assertThat(refused(new byte[0]).what()).contains("too short");
        assertThat(refused(Arrays.copyOf(
                                "version https://git-lfs".getBytes(java.nio.charset.StandardCharsets.UTF_8), 99))
                        .what())
                .contains("Git LFS");
        assertThat(refused(r -> r.magic = 0x67676D6C).instead()).contains("converted anew");
        assertThat(catchThrowableOfType(Problem.class, () -> GgufFile.open(temp.resolve("none")))
                        .kind())
                .isEqualTo(Problem.Kind.NOT_FOUND);
    }

    @ParameterizedTest
    @ValueSource(longs = {0, 1, 4, 0x03000000, 0xFFFFFFFFL})
    void versions(long version) {
        Problem p = refused(r -> r.version = version);
        assertThat(p.kind()).isEqualTo(Problem.Kind.UNSUPPORTED);
        assertThat(p.where()).contains("version");
    }

    @ParameterizedTest
    @ValueSource(longs = {HUGE, -1, Long.MIN_VALUE, Long.MAX_VALUE, 1 << 30, 1_000})
    void counts(long n) {
        assertThat(refused(r -> r.tensorCount = n).where()).contains("tensor count");
        raw.tensorCount = null;
        assertThat(refused(r -> r.keyCount = n).where()).contains("key count");
        raw.keyCount = null;
        raw.metadata.clear();
        assertThat(refused(r -> r.put("s", RawGguf.numbers(4, 8, 8, n))).where())
                .contains("key \"s\"");
        raw.metadata.clear();
        assertThat(refused(r -> r.put("l", RawGguf.numbers(4, 9, 4, 4, 8, n))).where())
                .contains("key \"l\"");
    }

    @Test
    void oneTensorMoreThanThereIs() {
        refused(r -> r.tensorCount = 3L);
    }

    @Test
    void aCountThatTheFileCouldHoldButNoModelHas() throws Exception {
        raw.tensorCount = 1L << 22;
        raw.write(file);
        try (RandomAccessFile f = new RandomAccessFile(file.toFile(), "rw")) {
            f.setLength(1L << 32); // sparse
        }
        Problem p = catchThrowableOfType(Problem.class, () -> GgufFile.open(file));
        assertThat(p.where()).contains("tensor count");
        assertThat(p.expected()).contains("100000");
    }

    @Test
    void arraysThatWouldFillTheHeap() throws Exception {
        for (long type : new long[] {0, 6, 8, 9}) {
            raw.metadata.clear();
            raw.put("l", RawGguf.numbers(4, 9, 4, type, 8, 100_000_000));
            raw.write(file);
            try (RandomAccessFile f = new RandomAccessFile(file.toFile(), "rw")) {
                f.setLength(1L << 32);
            }
            Problem p = catchThrowableOfType(Problem.class, () -> GgufFile.open(file));
            assertThat(p.kind()).isEqualTo(Problem.Kind.TOO_LARGE);
            assertThat(p.where()).contains("key \"l\"");
        }
    }

    @Test
    void nestedTooDeep() {
        long[] deep = new long[4 * 100];
        for (int i = 0; i < 100; i++) {
            deep[4 * i] = 4;
            deep[4 * i + 1] = 9;
            deep[4 * i + 2] = 8;
            deep[4 * i + 3] = 1;
        }
        byte[] arrays = RawGguf.numbers(deep);
        byte[] value = new byte[arrays.length + 4];
        value[0] = 9;
        System.arraycopy(arrays, 0, value, 4, arrays.length);
        assertThat(refused(r -> r.put("l", value)).what()).contains("nested");
    }

    @Test
    void unknownValues() {
        assertThat(refused(r -> r.put("v", RawGguf.numbers(4, 13))).what()).contains("unknown type");
        raw.metadata.clear();
        assertThat(refused(r -> r.put("v", RawGguf.numbers(4, 9, 4, 77, 8, 0))).what())
                .contains("unknown type");
        raw.metadata.clear();
        assertThat(refused(r -> r.put("v", RawGguf.numbers(4, 7, 1, 2))).what()).contains("not a boolean");
    }

    @Test
    void twice() {
        byte[] once = raw.bytes();
        byte[] name = "llama.block_count".getBytes(java.nio.charset.StandardCharsets.UTF_8);
        raw.put("llama.block_cound", 2);
        byte[] twice = raw.bytes();
        int at = indexOf(twice, "llama.block_cound");
        System.arraycopy(name, 0, twice, at, name.length);
        assertThat(once.length).isLessThan(twice.length);
        assertThat(refused(twice).what()).contains("key twice");
        raw.metadata.remove("llama.block_cound");
        assertThat(refused(r -> r.tensors.set(1, RawGguf.entry("a", 1, 32, 4))).what())
                .contains("tensor twice");
    }

    private static int indexOf(byte[] bytes, String text) {
        return new String(bytes, java.nio.charset.StandardCharsets.ISO_8859_1).indexOf(text);
    }

    @ParameterizedTest
    @ValueSource(longs = {0, 3, -32, 48, 1L << 40})
    void alignments(long alignment) {
        assertThat(refused(r -> r.put("general.alignment", alignment)).where()).contains("general.alignment");
    }

    @Test
    void anotherAlignment() {
        raw.put("general.alignment", 64L);
        raw.alignment = 64;
        raw.tensors.set(1, RawGguf.entry("b", 1, 64, 4));
        raw.data = new byte[72];
        assertThat(open().tensors().get("b").offset() % 64).isZero();
    }

    @Test
    void offsets() {
        assertThat(refusedOffset(33).what()).contains("not aligned");
        assertThat(refusedOffset(-32).what()).contains("not aligned");
        assertThat(refusedOffset(0).what()).contains("overlap");
        assertThat(refusedOffset(64).what()).contains("beyond the end");
        assertThat(refusedOffset(1L << 62).what()).contains("beyond the end");
        assertThat(refusedOffset(Long.MAX_VALUE - 31).what()).contains("beyond the end");
    }

    private Problem refusedOffset(long offset) {
        Problem p = refused(r -> r.tensors.set(1, RawGguf.entry("b", 1, offset, 4)));
        assertThat(p.where()).contains("offset");
        return p;
    }

    @Test
    void shapes() {
        assertThat(refusedShape(0, 1L << 32, 1L << 32).what()).contains("more elements");
        assertThat(refusedShape(0, HUGE, 4).what()).contains("more elements");
        assertThat(refusedShape(0, 0, Long.MAX_VALUE, 2).what()).contains("more elements");
        assertThat(refusedShape(0, -1).what()).contains("more elements");
        assertThat(refusedShape(0, 1, 1, 1, 1, 1).what()).contains("more axes");
        assertThat(refusedShape(8, 33).what()).contains("whole blocks");
        assertThat(refusedShape(12, 128).what()).contains("whole blocks");
        assertThat(refusedShape(0, HUGE / 8).what()).contains("beyond the end");
        assertThat(refusedShape(8, HUGE / 8).what()).contains("beyond the end");
    }

    private Problem refusedShape(long type, long... shape) {
        return refused(r -> r.tensors.set(1, RawGguf.entry("b", type, 32, shape)));
    }

    @Test
    void types() {
        Problem known = refusedShape(16, 256);
        assertThat(known.kind()).isEqualTo(Problem.Kind.UNSUPPORTED);
        assertThat(known.found()).isEqualTo("IQ2_XXS");
        assertThat(refusedShape(4, 32).found()).contains("4");
        assertThat(refusedShape(0xFFFFFFFFL, 32).kind()).isEqualTo(Problem.Kind.UNSUPPORTED);
    }

    @Test
    void namesThatAreNoText() {
        raw.tensors.clear();
        raw.tensor("zz", 0, 0, 3);
        byte[] bytes = raw.bytes();
        bytes[indexOf(bytes, "zz")] = (byte) 0xFF;
        assertThat(refused(bytes).what()).contains("UTF-8");
    }

    @Test
    void everyTruncation() {
        byte[] whole = raw.bytes();
        for (int n = 0; n < whole.length - 24; n++) refused(Arrays.copyOf(whole, n));
    }

    @Test
    void emptyTensorsAndScalars() {
        raw.tensors.clear();
        raw.tensor("scalar", 0, 0).tensor("empty", 0, 32, 4, 0);
        GgufFile f = open();
        assertThat(f.tensor("scalar").toFloats()).containsExactly(0.5f);
        assertThat(f.tensor("empty").shape()).containsExactly(0, 4);
        assertThat(f.tensor("empty").toFloats()).isEmpty();
    }

    @Test
    void anInterruptedThreadOpensAllTheSame() {
        raw.write(file);
        Thread.currentThread().interrupt();
        assertThat(GgufFile.open(file).tensor("a").toFloats()[0]).isEqualTo(0.5f);
        assertThat(Thread.interrupted()).isTrue();
    }
}
