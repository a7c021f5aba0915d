package org.llminspector.checkpoint;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Arrays;
import java.util.List;
import java.util.Random;

/** Mutator spoils files as its seed says, for parsers to be fed with. Numbers are favoured, for they do the harm. */
public final class Mutator {

    private static final long[] NUMBERS = {
        0,
        1,
        2,
        3,
        4,
        8,
        9,
        12,
        13,
        14,
        16,
        31,
        32,
        33,
        255,
        256,
        65_536,
        1 << 20,
        1L << 31,
        (1L << 32) - 1,
        1L << 32,
        1L << 40,
        1L << 60,
        1L << 62,
        Long.MAX_VALUE,
        Long.MIN_VALUE,
        -1,
        -32
    };

    private final Random random;

    public Mutator(long seed) {
        random = new Random(seed);
    }

    /** 0 to n - 1. */
    public int below(int n) {
        return random.nextInt(n);
    }

    public boolean oneIn(int n) {
        return random.nextInt(n) == 0;
    }

    public long anyNumber() {
        return random.nextLong();
    }

    /** Text with a piece replaced by a word, a word put in, a piece left out or doubled; often the piece is a number. */
    public byte[] edited(byte[] text, List<byte[]> words) {
        if (text.length < 2) return joined(text, new byte[] {'{'});
        byte[] word = words.get(below(words.size()));
        int at = below(text.length);
        int to = Math.min(text.length, at + 1 + below(8));
        if (oneIn(2)) {
            for (int i = 0; i < 60 && !digit(text[at]); i++) at = below(text.length);
            to = at + 1;
            while (to < text.length && digit(text[to])) to++;
        }
        byte[] before = Arrays.copyOf(text, at);
        return switch (below(4)) {
            case 0 -> joined(before, word, from(text, to));
            case 1 -> joined(before, word, from(text, at));
            case 2 -> joined(before, from(text, to));
            default -> joined(Arrays.copyOf(text, to), from(text, at));
        };
    }

    /** The same length with a little-endian number written over, or a byte changed. */
    public byte[] overwritten(byte[] bytes) {
        ByteBuffer b = ByteBuffer.wrap(bytes.clone()).order(ByteOrder.LITTLE_ENDIAN);
        int at = below(bytes.length - 8);
        long number = NUMBERS[below(NUMBERS.length)];
        switch (below(4)) {
            case 0 -> b.putLong(at, number);
            case 1 -> b.putInt(at, (int) number);
            case 2 -> b.put(at, (byte) below(256));
            default -> b.put(at, (byte) (bytes[at] + below(3) - 1));
        }
        return b.array();
    }

    /** A piece of it put in somewhere else. */
    public byte[] spliced(byte[] bytes) {
        int from = below(bytes.length);
        byte[] piece = Arrays.copyOfRange(bytes, from, Math.min(bytes.length, from + below(64)));
        int at = below(bytes.length);
        return joined(Arrays.copyOf(bytes, at), piece, from(bytes, at));
    }

    /** Its beginning only. */
    public byte[] cut(byte[] bytes) {
        return Arrays.copyOf(bytes, below(bytes.length + 1));
    }

    private static boolean digit(byte b) {
        return b >= '0' && b <= '9';
    }

    private static byte[] from(byte[] bytes, int at) {
        return Arrays.copyOfRange(bytes, at, bytes.length);
    }

    private static byte[] joined(byte[]... parts) {
        ByteBuffer out =
                ByteBuffer.allocate(Arrays.stream(parts).mapToInt(p -> p.length).sum());
        for (byte[] part : parts) out.put(part);
        return out.array();
    }
}
