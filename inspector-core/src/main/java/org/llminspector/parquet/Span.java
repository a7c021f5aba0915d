package org.llminspector.parquet;

import java.io.BufferedInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Path;
import org.llminspector.base.Reads;

/** Bytes {@code from} to {@code from + size} of a file, in order. */
final class Span extends InputStream {

    private final InputStream in;
    private long left;

    Span(Path file, long from, long size) throws IOException {
        InputStream all = Reads.stream(file);
        try {
            all.skipNBytes(from);
        } catch (IOException e) {
            all.close();
            throw e;
        }
        this.in = new BufferedInputStream(all, 1 << 16);
        this.left = size;
    }

    /** Bytes that are not read yet. */
    long left() {
        return left;
    }

    /** The next {@code size} bytes; fewer than that are refused. */
    byte[] take(int size) throws IOException {
        if (size < 0 || size > left) {
            throw Damage.of("a page is longer than its column", "at most " + left + " bytes", size);
        }
        byte[] bytes = readNBytes(size);
        if (bytes.length == size) return bytes;
        throw Damage.of("the file ends within a page", size + " bytes", bytes.length);
    }

    @Override
    public int read() throws IOException {
        if (left == 0) return -1;
        int next = in.read();
        if (next >= 0) left--;
        return next;
    }

    @Override
    public int read(byte[] into, int from, int size) throws IOException {
        if (size == 0) return 0;
        if (left == 0) return -1;
        int n = in.read(into, from, (int) Math.min(size, left));
        if (n > 0) left -= n;
        return n;
    }

    @Override
    public void close() throws IOException {
        in.close();
    }
}
