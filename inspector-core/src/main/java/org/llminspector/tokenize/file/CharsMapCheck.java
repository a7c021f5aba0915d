package org.llminspector.tokenize.file;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.CharacterCodingException;
import java.util.ArrayDeque;
import java.util.Base64;
import java.util.BitSet;
import org.llminspector.base.StrictUtf8;

/**
 * Validation of a SentencePiece {@code precompiled_charsmap}, which Hugging Face's library trusts: four bytes of size,
 * a double array (darts-clone) that maps texts to offsets, and the replacement texts at those offsets, each ended by a
 * zero.
 */
public final class CharsMapCheck {

    private static final int MAX_BYTES = 16 << 20;

    private final int[] units;
    private final byte[] texts;
    private int longest = 1;

    private CharsMapCheck(int[] units, byte[] texts) {
        this.units = units;
        this.texts = texts;
    }

    /** The longest replacement's bytes; -1 where the map points outside its own bytes. */
    static int longest(String base64) {
        byte[] bytes;
        try {
            if (base64.length() > MAX_BYTES) return -1;
            bytes = Base64.getDecoder().decode(base64);
        } catch (IllegalArgumentException e) {
            return -1;
        }
        if (bytes.length < 8) return -1;
        ByteBuffer b = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
        long size = Integer.toUnsignedLong(b.getInt());
        if (size == 0 || size % 4 != 0 || size > b.remaining()) return -1;
        int[] units = new int[(int) size / 4];
        for (int i = 0; i < units.length; i++) units[i] = b.getInt();
        byte[] texts = new byte[b.remaining()];
        b.get(texts);
        try {
            StrictUtf8.decode(texts);
        } catch (CharacterCodingException e) {
            return -1;
        }
        CharsMapCheck map = new CharsMapCheck(units, texts);
        return map.walk() ? map.longest : -1;
    }

    /** Follows every arc from the root; every reachable index must be within the array. */
    private boolean walk() {
        ArrayDeque<Integer> open = new ArrayDeque<>();
        BitSet seen = new BitSet(units.length);
        int root = offset(units[0]);
        if (root >= units.length) return false;
        open.add(root);
        seen.set(root);
        while (!open.isEmpty()) {
            int node = open.poll();
            for (int c = 1; c < 256; c++) {
                int at = node ^ c;
                if (at >= units.length) return false;
                int unit = units[at];
                if ((unit & (1 << 31 | 0xFF)) != c) continue;
                int next = at ^ offset(unit);
                if (next < 0 || next >= units.length) return false;
                if ((unit >>> 8 & 1) == 1 && !value(units[next] & 0x7FFFFFFF)) return false;
                if (seen.get(next)) continue;
                seen.set(next);
                open.add(next);
            }
        }
        return true;
    }

    private static int offset(int unit) {
        return (unit >>> 10) << ((unit & 1 << 9) >>> 6);
    }

    /** Whether a replacement may begin at this offset: on the first byte of a character. */
    private boolean value(int at) {
        if (at > texts.length || (at < texts.length && (texts[at] & 0xC0) == 0x80)) return false;
        int end = at;
        while (end < texts.length && texts[end] != 0) end++;
        longest = Math.max(longest, end - at);
        return true;
    }
}
