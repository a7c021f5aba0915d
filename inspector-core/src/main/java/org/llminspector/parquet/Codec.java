package org.llminspector.parquet;

import io.airlift.compress.Decompressor;
import io.airlift.compress.lz4.Lz4Decompressor;
import io.airlift.compress.snappy.SnappyDecompressor;
import io.airlift.compress.zstd.ZstdDecompressor;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.util.zip.GZIPInputStream;
import org.apache.parquet.format.CompressionCodec;
import org.llminspector.base.Problem;

/** How pages are compressed. */
enum Codec {
    UNCOMPRESSED(1),
    SNAPPY(32),
    GZIP(1032),
    LZ4_RAW(255),
    ZSTD(1 << 16);

    /** Most bytes of a page; writers aim at one megabyte, and begin another only after a document. */
    static final int MOST = 256 << 20;

    private final int ratio;

    /** @param ratio most bytes that a compressed one can stand for, so that a page's own size is not believed beyond it */
    Codec(int ratio) {
        this.ratio = ratio;
    }

    static Codec of(CompressionCodec codec) {
        for (Codec c : values()) if (c.name().equals(codec.name())) return c;
        throw Damage.unread(
                "this compression is not read",
                "uncompressed, snappy, gzip, zstd or lz4_raw",
                codec,
                "write the file anew: pyarrow.parquet.write_table(table, file, compression=\"zstd\")");
    }

    /** @param size that the page says it has */
    byte[] decompressed(byte[] packed, int size) {
        if (size < 0 || size > Math.min(MOST, (long) packed.length * ratio)) {
            throw Damage.of(
                    "a page has an impossible size",
                    packed.length + " bytes compressed (" + this + ") and at most " + MOST + " others",
                    size);
        }
        if (size == 0) return new byte[0];
        byte[] bytes;
        try {
            bytes = switch (this) {
                case UNCOMPRESSED -> packed;
                case GZIP -> inflated(packed, size);
                case SNAPPY -> by(new SnappyDecompressor(), packed, size);
                case LZ4_RAW -> by(new Lz4Decompressor(), packed, size);
                case ZSTD -> by(new ZstdDecompressor(), packed, size);
            };
        } catch (IOException | RuntimeException e) {
            if (e instanceof Problem p) throw p;
            throw Damage.of("a page cannot be decompressed", this, e.getMessage())
                    .causedBy(e);
        }
        if (bytes.length != size) throw Damage.of("a page has another size", size + " bytes", bytes.length);
        return bytes;
    }

    private static byte[] inflated(byte[] packed, int size) throws IOException {
        try (GZIPInputStream in = new GZIPInputStream(new ByteArrayInputStream(packed))) {
            byte[] bytes = in.readNBytes(size);
            if (in.read() < 0) return bytes;
            throw Damage.of("a page has another size", size + " bytes", "more");
        }
    }

    private static byte[] by(Decompressor library, byte[] packed, int size) {
        byte[] bytes = new byte[size];
        int n = library.decompress(packed, 0, packed.length, bytes, 0, size);
        if (n == size) return bytes;
        throw Damage.of("a page has another size", size + " bytes", n);
    }
}
