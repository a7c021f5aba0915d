package org.llminspector.checkpoint.onnx;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import ai.onnxruntime.OrtEnvironment;
import ai.onnxruntime.OrtException;
import ai.onnxruntime.OrtSession;
import com.google.protobuf.CodedInputStream;
import com.google.protobuf.CodedOutputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.llminspector.base.Problem;

/**
 * The reader of protobuf messages, and what protobuf's own CodedInputStream lacks (decision 91). When a test of the library fails
 * after an update, the reader may be replaced by it.
 */
class ProtoReaderTest {

    private static final Path FILE = Path.of("model.onnx");

    private static ByteBuffer direct(int... bytes) {
        ByteBuffer buffer = ByteBuffer.allocateDirect(bytes.length);
        for (int b : bytes) buffer.put((byte) b);
        return buffer.flip();
    }

    private static ProtoReader reader(int... bytes) {
        return new ProtoReader(FILE, direct(bytes), 0, bytes.length);
    }

    private static void refused(String found, int at, int... bytes) {
        assertThatThrownBy(() -> {
                    ProtoReader reader = reader(bytes);
                    while (reader.next()) {}
                })
                .isInstanceOf(Problem.class)
                .hasMessageContaining("this is not an ONNX file, or it is damaged (model.onnx, byte " + at + ")")
                .hasMessageContaining("expected protobuf messages (onnx.proto)")
                .hasMessageContaining("found " + found)
                .hasMessageContaining("download it again");
    }

    @Test
    void fieldsOfEachKind() {
        ProtoReader reader =
                reader(0x08, 0x96, 0x01, 0x15, 1, 2, 3, 4, 0x1A, 2, 'o', 'k', 0x21, 1, 2, 3, 4, 5, 6, 7, 8);
        assertThat(reader.next()).isTrue();
        assertThat(reader.number()).isEqualTo(150);
        assertThat(reader.next()).isTrue();
        assertThat(reader.field()).isEqualTo(2);
        assertThatThrownBy(reader::number).isInstanceOf(Problem.class).hasMessageContaining("field 2 is no number");
        assertThat(reader.next()).isTrue();
        assertThat(reader.text()).isEqualTo("ok");
        assertThat(List.of(reader.tagAt(), reader.start(), reader.end())).containsExactly(8, 10, 12);
        assertThat(reader.next()).isTrue();
        assertThat(reader.field()).isEqualTo(4);
        assertThat(reader.next()).isFalse();
    }

    @Test
    void damagedMessagesSayWhereAndWhat() {
        refused("a length of 3 with 2 bytes left", 0, 0x0A, 3, 'a', 'b');
        refused(
                "a length of 18446744073709551615 with 1 bytes left",
                2,
                0x08,
                1,
                0x0A,
                0xFF,
                0xFF,
                0xFF,
                0xFF,
                0xFF,
                0xFF,
                0xFF,
                0xFF,
                0xFF,
                0x01,
                'a');
        refused("the end of the message within a number", 0, 0x08, 0x96);
        refused("the end of the message within a number", 0, 0x0D, 1, 2, 3);
        refused("a number of more than 10 bytes", 0, 8, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 1);
        refused("wire type 3", 0, 0x0B, 0x0C);
        refused("field number 0", 0, 0x02, 0);
    }

    /** A model of 2 GiB would be copied into the heap. */
    @Test
    void theLibraryCopiesAMappedFile() throws IOException {
        ByteBuffer bytes = direct(0x08, 5);
        CodedInputStream copy = CodedInputStream.newInstance(bytes);
        ProtoReader inPlace = new ProtoReader(FILE, bytes, 0, 2);
        bytes.put(1, (byte) 7);
        copy.readTag();
        inPlace.next();
        assertThat(copy.readInt64()).as("the byte before it changed").isEqualTo(5);
        assertThat(inPlace.number()).isEqualTo(7);
    }

    /** The one stream that reads buffers in place reads each tensor from the disk to get past it. */
    @Test
    void theLibraryReadsWhatItSkips() throws ReflectiveOperationException {
        Class<?> stream = Class.forName("com.google.protobuf.IterableByteBufferInputStream");
        assertThat(stream.getMethod("skip", long.class).getDeclaringClass()).isEqualTo(InputStream.class);
    }

    /** A field's number and a length lose what is above their 32 bits: the graph that is checked is not the one that is run. */
    @Test
    void theLibraryReadsAnotherGraphThanOnnxRuntime(@TempDir Path folder) throws IOException, OrtException {
        byte[] tag = {(byte) 0xBA, (byte) 0x80, (byte) 0x80, (byte) 0x80, (byte) 0x80, 1}; // 2^35 more than field 7's
        byte[] length = {(byte) 0x86, (byte) 0x80, (byte) 0x80, (byte) 0x80, 0x10}; // 2^32 + 6
        byte[] graph = "\u0012\u0004name".getBytes(StandardCharsets.US_ASCII);
        assertThat(sizeRead(model(new byte[] {0x3A}, new byte[] {6}, graph))).isEqualTo(6);
        for (byte[] hostile : List.of(model(tag, new byte[] {6}, graph), model(new byte[] {0x3A}, length, graph))) {
            assertThat(sizeRead(hostile)).as("by the library").isEqualTo(6);
            assertThatThrownBy(() -> session(hostile))
                    .isInstanceOf(OrtException.class)
                    .hasMessageContaining("INVALID_PROTOBUF");
            Path file = Files.write(folder.resolve("model.onnx"), hostile);
            assertThatThrownBy(() -> OnnxFile.open(file))
                    .isInstanceOf(Problem.class)
                    .hasMessageContaining("this is not an ONNX file, or it is damaged");
            Files.delete(file);
        }
    }

    private static byte[] model(byte[] tag, byte[] length, byte[] graph) throws IOException {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        CodedOutputStream out = CodedOutputStream.newInstance(bytes);
        out.writeInt64(1, 10); // ir_version
        out.writeRawBytes(tag);
        out.writeRawBytes(length);
        out.writeRawBytes(graph);
        out.flush();
        return bytes.toByteArray();
    }

    /** Bytes of the graph, as CodedInputStream finds it. */
    private static int sizeRead(byte[] model) throws IOException {
        CodedInputStream in = CodedInputStream.newInstance(model);
        assertThat(in.readTag()).isEqualTo(0x08);
        in.readInt64();
        assertThat(in.readTag()).isEqualTo(0x3A);
        return in.readByteArray().length;
    }

    private static void session(byte[] model) throws OrtException {
        try (OrtSession session = OrtEnvironment.getEnvironment().createSession(model)) {
            assertThat(session).isNull();
        }
    }
}
