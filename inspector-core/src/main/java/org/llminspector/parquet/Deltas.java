package org.llminspector.parquet;

import java.nio.ByteBuffer;

/** Whole numbers as bit-packed differences (DELTA_BINARY_PACKED). */
final class Deltas {

    private static final int BLOCK = 1 << 20;

    private Deltas() {}

    /**
     * All numbers; the buffer is then behind them.
     *
     * @param most that the page can have
     */
    static long[] read(ByteBuffer in, int most) {
        long block = Varint.read(in);
        long parts = Varint.read(in);
        long total = Varint.read(in);
        long value = Varint.zigzag(in);
        if (block <= 0 || block > BLOCK || parts <= 0 || parts > block / 8 || block % parts != 0) {
            throw Damage.of(
                    "differences have impossible blocks", "whole parts of at most " + BLOCK, block + "/" + parts);
        }
        if (total < 0 || total > most) throw Damage.of("a page has other values", "at most " + most, total);
        long[] all = new long[(int) total];
        if (total > 0) all[0] = value;
        int size = (int) (block / parts);
        byte[] widths = new byte[(int) parts];
        for (int i = 1; i < all.length; ) {
            long least = Varint.zigzag(in);
            for (int p = 0; p < parts; p++) widths[p] = (byte) Varint.next(in);
            // Parts after the last value are left out; the last one is whole.
            for (int p = 0; p < parts && i < all.length; p++) {
                Bits bits = new Bits(in, widths[p] & 0xFF, size);
                for (int k = 0; k < size && i < all.length; k++, i++) {
                    value += least + bits.next();
                    all[i] = value;
                }
            }
        }
        return all;
    }

    /** Numbers of up to 64 bits. */
    private static final class Bits {

        private final ByteBuffer in;
        private final int width;
        private long at;

        Bits(ByteBuffer all, int width, int size) {
            if (width > 64) throw Damage.of("numbers have an impossible width", "0 to 64 bits", width);
            int bytes = (int) (((long) width * size + 7) / 8);
            if (bytes > all.remaining()) {
                throw Damage.of("a page's values end early", bytes + " bytes", all.remaining());
            }
            this.in = all.slice(all.position(), bytes);
            this.width = width;
            all.position(all.position() + bytes);
        }

        long next() {
            long value = 0;
            for (int have = 0; have < width; ) {
                int shift = (int) (at % 8);
                int take = Math.min(8 - shift, width - have);
                int part = (in.get((int) (at / 8)) & 0xFF) >>> shift & ((1 << take) - 1);
                value |= (long) part << have;
                have += take;
                at += take;
            }
            return value;
        }
    }
}
