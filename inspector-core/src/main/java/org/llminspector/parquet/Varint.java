package org.llminspector.parquet;

import java.nio.ByteBuffer;

/** Whole numbers, seven bits in each byte, the lowest first (LEB128). */
final class Varint {

    private Varint() {}

    /** The next byte, 0 to 255. */
    static int next(ByteBuffer in) {
        if (!in.hasRemaining()) throw Damage.of("a page's values end early", "another byte", "none");
        return in.get() & 0xFF;
    }

    static long read(ByteBuffer in) {
        long value = 0;
        for (int shift = 0; shift < 64; shift += 7) {
            int b = next(in);
            value |= (long) (b & 0x7F) << shift;
            if (b < 0x80) return value;
        }
        throw Damage.of("a number is too long", "at most ten bytes", "more");
    }

    /** A signed one, written 0, -1, 1, -2, ... */
    static long zigzag(ByteBuffer in) {
        long value = read(in);
        return value >>> 1 ^ -(value & 1);
    }
}
