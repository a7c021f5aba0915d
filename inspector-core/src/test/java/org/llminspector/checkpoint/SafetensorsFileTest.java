package org.llminspector.checkpoint;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.llminspector.base.DType;
import org.llminspector.base.Problem;
import org.llminspector.base.Tensor;

/** SafetensorsFile against hostile files, one by one. */
class SafetensorsFileTest {

    @TempDir
    Path dir;

    private Problem refused(byte[] bytes) {
        Path file = RawFile.write(dir.resolve("x.safetensors"), bytes);
        Problem p = catchThrowableOfType(
                Problem.class, () -> SafetensorsFile.open(file).close());
        assertThat(p).isNotNull();
        assertThat(p.where()).contains(file.toString());
        return p;
    }

    private Problem refused(String header, int dataBytes) {
        return refused(RawFile.bytes(header, dataBytes));
    }

    @Test
    void readsTensorsInTheOrderOfTheirBytes() {
        Path file = RawFile.write(
                dir.resolve("x.safetensors"),
                "{\"b\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[4,6]},"
                        + "\"a\":{\"shape\":[2,2],\"data_offsets\":[0,4],\"dtype\":\"U8\"}}   ",
                6);
        try (SafetensorsFile f = SafetensorsFile.open(file)) {
            assertThat(f.tensors().keySet()).containsExactly("a", "b");
            assertThat(f.tensor("b").toFloats()).containsExactly(4, 5);
            assertThat(f.tensor("a").shape()).containsExactly(2, 2);
            assertThat(f.metadata()).isEmpty();
            TensorInfo b = f.tensors().get("b");
            assertThat(b.offset() + b.bytes()).isEqualTo(f.bytes());
            assertThat(b.dtype()).isEqualTo(DType.U8);
            assertThatThrownBy(() -> f.tensor("aa")).hasMessageContaining("closest: \"a\", \"b\"");
        }
    }

    @Test
    void tensorsAreReadOnlyAndOutliveTheFile() throws IOException {
        Path file = RawFile.write(
                dir.resolve("x.safetensors"), "{\"a\":{\"dtype\":\"U8\",\"shape\":[3],\"data_offsets\":[0,3]}}", 3);
        SafetensorsFile f = SafetensorsFile.open(file);
        Tensor a = f.tensor("a");
        f.close();
        Files.delete(file);
        assertThat(a.toFloats()).containsExactly(0, 1, 2);
        assertThat(a.data().isReadOnly()).isTrue();
        assertThatThrownBy(() -> f.tensor("a")).isInstanceOf(IllegalStateException.class);
    }

    @Test
    void aFileWithoutTensorsIsFine() {
        try (SafetensorsFile f = SafetensorsFile.open(RawFile.write(dir.resolve("x.safetensors"), "{}", 0))) {
            assertThat(f.tensors()).isEmpty();
        }
    }

    @Test
    void anInterruptLosesNothing() {
        Path file = RawFile.write(
                dir.resolve("x.safetensors"), "{\"a\":{\"dtype\":\"U8\",\"shape\":[3],\"data_offsets\":[0,3]}}", 3);
        Thread.currentThread().interrupt();
        try (SafetensorsFile f = SafetensorsFile.open(file)) {
            assertThat(f.tensor("a").get(2)).isEqualTo(2);
            assertThat(Thread.interrupted()).isTrue();
            assertThat(f.tensor("a").get(1)).isEqualTo(1);
        }
    }

    @Test
    void aStormOfInterruptsLosesNothing() throws InterruptedException {
        Path file = RawFile.write(
                dir.resolve("x.safetensors"), "{\"a\":{\"dtype\":\"U8\",\"shape\":[3],\"data_offsets\":[0,3]}}", 3);
        try (SafetensorsFile f = SafetensorsFile.open(file)) {
            AtomicReference<Throwable> failure = new AtomicReference<>();
            Thread reader = new Thread(() -> {
                for (int i = 0; i < 5_000; i++) {
                    assertThat(f.tensor("a").get(2)).isEqualTo(2);
                    Thread.interrupted();
                }
            });
            reader.setUncaughtExceptionHandler((t, e) -> failure.set(e));
            reader.start();
            while (reader.isAlive()) {
                reader.interrupt();
                Thread.onSpinWait();
            }
            reader.join();
            assertThat(failure.get()).isNull();
            assertThat(f.tensor("a").get(1)).isEqualTo(1);
        }
    }

    @Test
    void missingAndShortFiles() {
        assertThatThrownBy(() -> SafetensorsFile.open(dir.resolve("no.safetensors")))
                .isInstanceOf(Problem.class)
                .hasMessageContaining("missing");
        assertThatThrownBy(() -> SafetensorsFile.open(dir)).isInstanceOf(Problem.class);
        assertThat(refused(new byte[0]).found()).isEqualTo("0 bytes");
        assertThat(refused(new byte[7]).what()).contains("too short");
        assertThat(refused(new byte[8]).what()).contains("start with '{'");
    }

    @ParameterizedTest
    @CsvSource({
        "-1, 18446744073709551615",
        "100000001, 100000001",
        "9223372036854775807, 9223372036854775807",
        "-9223372036854775808, 9223372036854775808"
    })
    void headerLengthsPastTheLimit(long length, String found) {
        Problem p = refused(RawFile.bytes(length, "{}".getBytes(StandardCharsets.UTF_8), 0));
        assertThat(p.what()).contains("larger than safetensors allows");
        assertThat(p.found()).isEqualTo(found);
        assertThat(p.where()).contains("header length");
    }

    @Test
    void headerPastTheEndOfTheFile() {
        Problem p = refused(RawFile.bytes(99_000_000, "{}".getBytes(StandardCharsets.UTF_8), 0));
        assertThat(p.what()).contains("ends inside its header");
        assertThat(p.expected()).contains("99000008");
        assertThat(p.found()).isEqualTo("10 bytes");
    }

    @Test
    void aGitLfsPointerIsCalledOne() {
        byte[] pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n"
                .getBytes(StandardCharsets.UTF_8);
        assertThat(refused(pointer).what()).contains("Git LFS pointer");
    }

    @ParameterizedTest
    @ValueSource(strings = {" {}", "[]", "\"{}\"", "null", "\ufeff{}", "5 "})
    void headersThatAreNoObject(String header) {
        assertThat(refused(header, 0).what()).contains("does not start with '{'");
    }

    @ParameterizedTest
    @ValueSource(strings = {"{", "{]", "{\"a\":", "{\"a\"}", "{a:1}", "{'a':1}", "{\"a\":{\"dtype\":\"U8\",", "{}\0"})
    void headersThatAreNoJson(String header) {
        assertThat(refused(header, 0).kind()).isEqualTo(Problem.Kind.INVALID);
    }

    @ParameterizedTest
    @ValueSource(strings = {"{}{}", "{} 1", "{} []"})
    void somethingAfterTheObject(String header) {
        assertThat(refused(header, 0).what()).contains("follows the header's JSON object");
    }

    @Test
    void headersThatAreNoUtf8() {
        byte[][] bad = {
            {(byte) 0xFF}, {(byte) 0xC0, (byte) 0x80}, {(byte) 0xED, (byte) 0xA0, (byte) 0x80}, {(byte) 0xE2}
        };
        for (byte[] b : bad) {
            String around = "{\"__metadata__\":{\"k\":\"@\"}}";
            byte[] header = around.getBytes(StandardCharsets.ISO_8859_1);
            int at = around.indexOf('@');
            byte[] spliced = new byte[header.length - 1 + b.length];
            System.arraycopy(header, 0, spliced, 0, at);
            System.arraycopy(b, 0, spliced, at, b.length);
            System.arraycopy(header, at + 1, spliced, at + b.length, header.length - at - 1);
            assertThat(refused(RawFile.bytes(spliced.length, spliced, 0)).what())
                    .contains("not valid UTF-8");
        }
    }

    @Test
    void utf16IsNotTakenForJson() {
        byte[] header = "{}".getBytes(StandardCharsets.UTF_16LE);
        refused(RawFile.bytes(header.length, header, 0));
    }

    @Test
    void duplicates() {
        String a = "\"a\":{\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[0,0]}";
        assertThat(refused("{" + a + "," + a + "}", 0).what()).contains("names a tensor twice");
        assertThat(refused("{\"__metadata__\":{},\"__metadata__\":{}}", 0).what())
                .contains("metadata twice");
        assertThat(refused("{\"__metadata__\":{\"k\":\"1\",\"k\":\"2\"}}", 0).what())
                .contains("key twice");
        Problem p = refused("{\"a\":{\"dtype\":\"U8\",\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[0,0]}}", 0);
        assertThat(p.what()).contains("field twice");
        assertThat(p.where()).contains("tensor \"a\"").contains("dtype");
        refused("{\"a\":{\"shape\":[0],\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[0,0]}}", 0);
        refused("{\"a\":{\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[0,0],\"data_offsets\":[0,0]}}", 0);
    }

    @ParameterizedTest
    @ValueSource(strings = {"U16", "U32", "U64", "F4", "F8_E8M0", "C64", "f32", "", "F32 ", "FLOAT"})
    void unknownNumberFormatsAreNamed(String dtype) {
        Problem p = refused("{\"w\":{\"dtype\":\"" + dtype + "\",\"shape\":[0],\"data_offsets\":[0,0]}}", 0);
        assertThat(p.kind()).isEqualTo(Problem.Kind.UNSUPPORTED);
        assertThat(p.found()).isEqualTo('"' + dtype + '"');
        assertThat(p.expected()).contains("BF16");
        assertThat(p.where()).contains("tensor \"w\", field dtype");
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "{\"dtype\":5,\"shape\":[1],\"data_offsets\":[0,1]}",
                "{\"dtype\":null,\"shape\":[1],\"data_offsets\":[0,1]}",
                "{\"dtype\":\"U8\",\"shape\":1,\"data_offsets\":[0,1]}",
                "{\"dtype\":\"U8\",\"shape\":null,\"data_offsets\":[0,1]}",
                "{\"dtype\":\"U8\",\"shape\":[-1],\"data_offsets\":[0,1]}",
                "{\"dtype\":\"U8\",\"shape\":[1.0],\"data_offsets\":[0,1]}",
                "{\"dtype\":\"U8\",\"shape\":[1e0],\"data_offsets\":[0,1]}",
                "{\"dtype\":\"U8\",\"shape\":[\"1\"],\"data_offsets\":[0,1]}",
                "{\"dtype\":\"U8\",\"shape\":[[1]],\"data_offsets\":[0,1]}",
                "{\"dtype\":\"U8\",\"shape\":[null],\"data_offsets\":[0,1]}",
                "{\"dtype\":\"U8\",\"shape\":[true],\"data_offsets\":[0,1]}",
                "{\"dtype\":\"U8\",\"shape\":[NaN],\"data_offsets\":[0,1]}",
                "{\"dtype\":\"U8\",\"shape\":[9223372036854775808],\"data_offsets\":[0,1]}",
                "{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0]}",
                "{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[]}",
                "{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1,2]}",
                "{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[1,0]}",
                "{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[-1,0]}",
                "{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":{\"0\":1}}",
                "{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,99999999999999999999]}",
                "{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[9223372036854775806,9223372036854775807]}",
                "{\"dtype\":\"U8\",\"shape\":[1]}",
                "{\"dtype\":\"U8\",\"data_offsets\":[0,1]}",
                "{\"shape\":[1],\"data_offsets\":[0,1]}",
                "{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1],\"scale\":2}",
                "{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[0,1]}",
                "{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,1]}",
                "{\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[0,1]}",
                "{\"dtype\":\"U8\",\"shape\":[4294967296,4294967296],\"data_offsets\":[0,1]}",
                "{\"dtype\":\"U8\",\"shape\":[4294967296,4294967296,0],\"data_offsets\":[0,0]}",
                "{\"dtype\":\"F64\",\"shape\":[2305843009213693952],\"data_offsets\":[0,0]}",
                "[]",
                "null",
                "1",
                "\"x\"",
                "{}"
            })
    void wrongDescriptionsOfATensorAreRefusedWithItsName(String description) {
        Problem p = refused("{\"bad one\":" + description + "}", 1);
        assertThat(p.where()).contains("tensor \"bad one\"");
    }

    @Test
    void wrongMetadata() {
        for (String m : new String[] {"1", "[]", "\"x\"", "null", "{\"a\":1}", "{\"a\":{}}", "{\"a\":null}"}) {
            assertThat(refused("{\"__metadata__\":" + m + "}", 0).where()).contains("__metadata__");
        }
    }

    @Test
    void overlapsHolesAndRests() {
        String u8 = "\"%s\":{\"dtype\":\"U8\",\"shape\":[%d],\"data_offsets\":[%d,%d]}";
        String overlap = "{" + u8.formatted("a", 4, 0, 4) + "," + u8.formatted("b", 4, 3, 7) + "}";
        assertThat(refused(overlap, 7).what()).contains("overlap");
        String same = "{" + u8.formatted("a", 4, 0, 4) + "," + u8.formatted("b", 4, 0, 4) + "}";
        assertThat(refused(same, 4).what()).contains("overlap");
        String hole = "{" + u8.formatted("a", 4, 0, 4) + "," + u8.formatted("b", 4, 5, 9) + "}";
        Problem p = refused(hole, 9);
        assertThat(p.what()).contains("belong to none");
        assertThat(p.where()).contains("\"b\"");
        assertThat(p.expected()).contains("4, where \"a\" ends");
        assertThat(refused("{" + u8.formatted("a", 4, 1, 5) + "}", 5).expected())
                .contains("at 0");
        assertThat(refused("{" + u8.formatted("a", 4, 0, 4) + "}", 5).what()).contains("after the last tensor");
        assertThat(refused("{" + u8.formatted("a", 4, 0, 4) + "}", 3).what()).contains("beyond the end");
        assertThat(refused("{" + u8.formatted("a", 0, 9, 9) + "}", 0).what()).contains("beyond the end");
    }

    @Test
    void hostileSizesCostNothing() {
        refused("{".repeat(2_000_000), 0);
        refused("{\"a\":" + "[".repeat(2_000_000), 0);
        refused("{\"" + "a".repeat(2_000_000) + "\":1}", 0);
        refused("{\"a\":{\"dtype\":\"U8\",\"shape\":[" + "1,".repeat(1_000_000) + "1],\"data_offsets\":[0,1]}}", 1);
        refused("{\"a\":{\"dtype\":\"U8\",\"shape\":[" + "9".repeat(1_000_000) + "],\"data_offsets\":[0,1]}}", 1);
        StringBuilder many = new StringBuilder("{\"z\":{\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[0,0]}");
        for (int i = 0; i < SafetensorsHeader.MAX_TENSORS; i++) {
            many.append(",\"").append(i).append("\":{\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[0,0]}");
        }
        assertThat(refused(many.append('}').toString(), 0).what()).contains("more tensors than");
    }

    @Test
    void namesFromTheFileCannotPlayWithTheTerminal() {
        Problem p = refused("{\"\\u001b[31mred\\n" + "x".repeat(500) + "\":1}", 0);
        assertThat(p.getMessage()).doesNotContain("\u001b").doesNotContain("\n").hasSizeLessThan(400);
    }

    @Test
    void aTensorPastTwoGibIsReadWhereItLies() throws IOException {
        long bytes = 1L << 31;
        Path file = dir.resolve("big.safetensors");
        byte[] head = RawFile.bytes(
                "{\"big\":{\"dtype\":\"U8\",\"shape\":[" + bytes + "],\"data_offsets\":[0," + bytes + "]}}", 0);
        try (RandomAccessFile sparse = new RandomAccessFile(file.toFile(), "rw")) {
            sparse.write(head);
            sparse.setLength(head.length + bytes);
            sparse.seek(head.length + bytes - 1);
            sparse.write(7);
        }
        try (SafetensorsFile f = SafetensorsFile.open(file)) {
            assertThat(f.tensors().get("big").bytes()).isEqualTo(bytes);
            assertThat(f.tensor("big").get(0)).isZero();
            assertThat(f.tensor("big").get(bytes - 1)).isEqualTo(7);
        }
    }

    @Test
    void aFileThatShrinksAfterItWasOpenedIsNoticed() throws IOException {
        Path file = RawFile.write(
                dir.resolve("x.safetensors"), "{\"a\":{\"dtype\":\"U8\",\"shape\":[3],\"data_offsets\":[0,3]}}", 3);
        try (SafetensorsFile f = SafetensorsFile.open(file)) {
            try (RandomAccessFile cut = new RandomAccessFile(file.toFile(), "rw")) {
                cut.setLength(60);
            }
            assertThatThrownBy(() -> f.tensor("a"))
                    .isInstanceOf(Problem.class)
                    .hasMessageContaining("shorter after it was opened");
        }
    }
}
