package org.llminspector.tokenize;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/**
 * Incremental UTF-8 decoder that keeps the start of an unfinished character for the next bytes.
 *
 * <p>A sequence ends at the first byte that cannot continue it, as in Unicode 15, table 3-7 and section 3.9 "maximal
 * subparts"; Rust and Java do the same.
 */
final class Utf8 {

    /** Output for bytes that form no character. */
    enum Broken {
        /** One U+FFFD for an incomplete sequence: as Hugging Face's ByteLevel decoder does. */
        MARK_SEQUENCE,
        /** One U+FFFD per byte: as Hugging Face's ByteFallback decoder does. */
        MARK_BYTE,
        /** {@code <0xE2>}, readable and lossless. */
        HEX
    }

    private final Broken broken;
    private final int[] held = new int[4];
    private int have;
    private int need;
    private int low;
    private int high;

    Utf8(Broken broken) {
        this.broken = broken;
    }

    /** These bytes as a readable text, complete and lossless. */
    static String readable(byte[] bytes) {
        Utf8 utf8 = new Utf8(Broken.HEX);
        return utf8.push(bytes) + utf8.finish();
    }

    /** Bytes as numbers, 0 to 255. */
    static List<Integer> values(byte[] bytes) {
        List<Integer> values = new ArrayList<>(bytes.length);
        for (byte b : bytes) values.add(b & 0xFF);
        return values;
    }

    /** The characters completed by these bytes. */
    String push(byte[] bytes) {
        StringBuilder out = new StringBuilder(bytes.length);
        for (byte b : bytes) push(b & 0xFF, out);
        return out.toString();
    }

    /** The output for the bytes that remain. */
    String finish() {
        StringBuilder out = new StringBuilder();
        giveUp(out);
        return out.toString();
    }

    private void push(int b, StringBuilder out) {
        if (have > 0) {
            if (b >= low && b <= high) {
                held[have++] = b;
                low = 0x80;
                high = 0xBF;
                if (have == need) complete(out);
                return;
            }
            giveUp(out);
        }
        if (b < 0x80) {
            out.append((char) b);
            return;
        }
        held[have++] = b;
        need = b >= 0xC2 && b <= 0xDF ? 2 : b >= 0xE0 && b <= 0xEF ? 3 : b >= 0xF0 && b <= 0xF4 ? 4 : 1;
        low = b == 0xE0 ? 0xA0 : b == 0xF0 ? 0x90 : 0x80;
        high = b == 0xED ? 0x9F : b == 0xF4 ? 0x8F : 0xBF;
        if (need == 1) giveUp(out);
    }

    private void complete(StringBuilder out) {
        int point = held[0] & (0x7F >> need);
        for (int i = 1; i < need; i++) point = point << 6 | (held[i] & 0x3F);
        out.appendCodePoint(point);
        have = 0;
    }

    private void giveUp(StringBuilder out) {
        for (int i = 0; i < have; i++) {
            if (broken == Broken.HEX) out.append(String.format(Locale.ROOT, "<0x%02X>", held[i]));
            else if (i == 0 || broken == Broken.MARK_BYTE) out.append('\uFFFD');
        }
        have = 0;
    }
}
