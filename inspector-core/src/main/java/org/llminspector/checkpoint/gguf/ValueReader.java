package org.llminspector.checkpoint.gguf;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import org.llminspector.base.Problem;

/**
 * Reader of GGUF metadata values. Their total size is limited, so that any file opens within a few hundred megabytes or
 * is refused.
 */
final class ValueReader {

    /** Gemma, with the largest known vocabulary, has 262,144 tokens and 580,604 merges. */
    private static final int MAX_STRINGS = 2 << 20;

    private static final int MAX_STRING_BYTES = 128 << 20;
    private static final int MAX_NUMBERS = 8 << 20;
    private static final int MAX_ARRAYS = 100_000;
    private static final int MAX_DEPTH = 4;

    private final HeaderBytes in;
    private int strings;
    private int stringBytes;
    private int numbers;
    private int arrays;

    ValueReader(HeaderBytes in) {
        this.in = in;
    }

    Object read() throws IOException {
        return value(in.u32(), 0);
    }

    private Object value(long type, int depth) throws IOException {
        return switch ((int) type) {
            case 0 -> (long) in.u8();
            case 1 -> (long) (byte) in.u8();
            case 2 -> (long) in.u16();
            case 3 -> (long) (short) in.u16();
            case 4 -> in.u32();
            case 5 -> (long) in.i32();
            case 6 -> in.f32();
            case 7 -> bool();
            case 8 -> text();
            case 9 -> array(depth);
            case 10, 11 -> in.i64();
            case 12 -> in.f64();
            default -> throw unknown(type);
        };
    }

    private Problem unknown(long type) {
        return Problem.invalid("a metadata value has an unknown type")
                .where(in.at())
                .expected("a type from 0 to 12")
                .found(type);
    }

    private boolean bool() throws IOException {
        int b = in.u8();
        if (b > 1) {
            throw Problem.invalid("this is not a boolean")
                    .where(in.at())
                    .expected("0 or 1")
                    .found(b);
        }
        return b == 1;
    }

    /** Reads a string; invalid UTF-8 becomes U+FFFD, since a description may be in any encoding. */
    private String text() throws IOException {
        int length = (int) in.count(1, GgufHeader.MAX_STRING);
        if (++strings > MAX_STRINGS) throw tooMany("strings", MAX_STRINGS);
        stringBytes += length;
        if (stringBytes > MAX_STRING_BYTES) throw tooMany("bytes of strings", MAX_STRING_BYTES);
        return length == 0 ? "" : new String(in.bytes(length), StandardCharsets.UTF_8);
    }

    private Problem tooMany(String what, int most) {
        return Problem.tooLarge("the metadata is too large")
                .where(in.at())
                .expected("at most " + most + " " + what)
                .found("more");
    }

    private static int minBytes(long type) {
        return switch ((int) type) {
            case 0, 1, 7 -> 1;
            case 2, 3 -> 2;
            case 4, 5, 6 -> 4;
            case 8, 10, 11, 12 -> 8;
            case 9 -> 12;
            default -> 0;
        };
    }

    private Object array(int depth) throws IOException {
        long type = in.u32();
        int bytes = minBytes(type);
        if (bytes == 0) throw unknown(type);
        if (depth == MAX_DEPTH) {
            throw Problem.invalid("arrays are nested too deep").where(in.at()).expected("at most " + MAX_DEPTH);
        }
        if (++arrays > MAX_ARRAYS) throw tooMany("arrays", MAX_ARRAYS);
        int n = (int) in.count(bytes, Integer.MAX_VALUE);
        if (type == 8 || type == 9) {
            if (n > MAX_STRINGS) throw tooMany("strings", MAX_STRINGS);
            List<Object> list = new ArrayList<>(Math.min(n, 1 << 12));
            for (int i = 0; i < n; i++) list.add(type == 8 ? text() : array(depth + 1));
            return list;
        }
        if (n > MAX_NUMBERS - numbers) throw tooMany("numbers", MAX_NUMBERS);
        numbers += n;
        return numbers(type, n);
    }

    private Object numbers(long type, int n) throws IOException {
        if (type == 6) {
            float[] out = new float[n];
            for (int i = 0; i < n; i++) out[i] = in.f32();
            return out;
        }
        if (type == 12) {
            double[] out = new double[n];
            for (int i = 0; i < n; i++) out[i] = in.f64();
            return out;
        }
        if (type == 7) {
            boolean[] out = new boolean[n];
            for (int i = 0; i < n; i++) out[i] = bool();
            return out;
        }
        long[] out = new long[n];
        for (int i = 0; i < n; i++) out[i] = (Long) value(type, 0);
        return out;
    }
}
