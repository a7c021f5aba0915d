package org.llminspector.checkpoint.gguf;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import org.llminspector.base.Problem;

/** Sequential little-endian reader of a file's header; reading past the end throws a Problem that names the field. */
final class HeaderBytes {

    private final Path path;
    private final FileChannel channel;
    private final long size;
    private final ByteBuffer window = ByteBuffer.allocate(1 << 16).order(ByteOrder.LITTLE_ENDIAN);
    private long windowStart;
    /** The current field, for messages. */
    private String field = "magic";

    HeaderBytes(Path path, FileChannel channel) throws IOException {
        this.path = path;
        this.channel = channel;
        this.size = channel.size();
        window.limit(0);
    }

    HeaderBytes field(String name) {
        field = name;
        return this;
    }

    String at() {
        return path + ", " + field;
    }

    long size() {
        return size;
    }

    long position() {
        return windowStart + window.position();
    }

    long remaining() {
        return size - position();
    }

    int u8() throws IOException {
        return need(1).get() & 0xFF;
    }

    int u16() throws IOException {
        return need(2).getShort() & 0xFFFF;
    }

    int i32() throws IOException {
        return need(4).getInt();
    }

    long u32() throws IOException {
        return i32() & 0xFFFFFFFFL;
    }

    long i64() throws IOException {
        return need(8).getLong();
    }

    float f32() throws IOException {
        return need(4).getFloat();
    }

    double f64() throws IOException {
        return need(8).getDouble();
    }

    /**
     * Reads a count of items of at least {@code atLeastBytes} each; refused beyond the rest of the file or {@code
     * most}.
     */
    long count(long atLeastBytes, long most) throws IOException {
        long n = i64();
        if (n < 0 || n > remaining() / atLeastBytes) {
            throw Problem.invalid("the file is too short for what it says it holds")
                    .where(at())
                    .expected("at most " + remaining() / atLeastBytes + ", as " + remaining() + " bytes are left")
                    .found(Long.toUnsignedString(n))
                    .instead("the download stopped early or the file is damaged: download it again");
        }
        if (n > most) {
            throw Problem.invalid("the file holds more than this program opens")
                    .where(at())
                    .expected("at most " + most)
                    .found(n);
        }
        return n;
    }

    byte[] bytes(int n) throws IOException {
        byte[] out = new byte[n];
        int done = 0;
        while (done < n) {
            int part = Math.min(n - done, window.capacity());
            need(part).get(out, done, part);
            done += part;
        }
        return out;
    }

    /** The window with at least n bytes remaining; n is at most its size. */
    private ByteBuffer need(int n) throws IOException {
        if (window.remaining() >= n) return window;
        if (remaining() < n) {
            throw Problem.invalid("the file ends inside its header")
                    .where(at())
                    .expected(n + " more bytes at byte " + position())
                    .found(remaining() + ", the file has " + size)
                    .instead("the download stopped early or the file is damaged: download it again");
        }
        windowStart += window.position();
        window.compact();
        window.limit((int) Math.min(window.capacity(), size - windowStart));
        while (window.hasRemaining()) {
            if (channel.read(window, windowStart + window.position()) < 0) {
                throw new IOException("the file became shorter while it was read");
            }
        }
        window.flip();
        return window;
    }
}
