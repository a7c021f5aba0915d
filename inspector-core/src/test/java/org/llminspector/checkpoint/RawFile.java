package org.llminspector.checkpoint;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;

/** RawFile makes safetensors files byte by byte, right or wrong. */
final class RawFile {

    private RawFile() {}

    /** A file with this unchanged header and {@code dataBytes} bytes of data. */
    static byte[] bytes(String header, int dataBytes) {
        byte[] json = header.getBytes(StandardCharsets.UTF_8);
        return bytes(json.length, json, dataBytes);
    }

    /** A file that claims this header length. */
    static byte[] bytes(long headerLength, byte[] header, int dataBytes) {
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        out.writeBytes(ByteBuffer.allocate(8)
                .order(ByteOrder.LITTLE_ENDIAN)
                .putLong(headerLength)
                .array());
        out.writeBytes(header);
        for (int i = 0; i < dataBytes; i++) out.write(i);
        return out.toByteArray();
    }

    static Path write(Path file, byte[] bytes) {
        try {
            Files.deleteIfExists(file); // to write over a file that is mapped waits for its lease
            return Files.write(file, bytes);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    static Path write(Path file, String header, int dataBytes) {
        return write(file, bytes(header, dataBytes));
    }
}
