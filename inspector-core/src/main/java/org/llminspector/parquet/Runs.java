package org.llminspector.parquet;

import java.nio.ByteBuffer;

/** Small numbers in runs, bit-packed or one value repeated ("RLE/bit-packing hybrid"): levels, and indices of a dictionary. */
final class Runs {

    private final ByteBuffer in;
    private final int width;
    private boolean packed;
    private long left; // of the run
    private int value; // of a repeated one
    private long bits;
    private int held;

    /** @param width bits of a number */
    Runs(ByteBuffer in, int width) {
        if (width < 0 || width > 32) throw Damage.of("numbers have an impossible width", "0 to 32 bits", width);
        this.in = in;
        this.width = width;
    }

    int next() {
        while (left == 0) begin();
        left--;
        return packed ? bits() : value;
    }

    private void begin() {
        long head = Varint.read(in);
        packed = (head & 1) == 1;
        left = packed ? (head >>> 1) * 8 : head >>> 1;
        bits = 0;
        held = 0;
        if (packed) return;
        value = 0;
        for (int b = 0; b < width; b += 8) value |= Varint.next(in) << b;
    }

    private int bits() {
        for (; held < width; held += 8) bits |= (long) Varint.next(in) << held;
        int next = (int) (bits & ((1L << width) - 1));
        bits >>>= width;
        held -= width;
        return next;
    }
}
