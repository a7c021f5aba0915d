package org.llminspector.parquet;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import org.apache.parquet.format.Encoding;
import org.apache.parquet.format.Type;

/** Values of a page one after another: a string's bytes, a whole number's digits. */
@FunctionalInterface
interface Values {

    byte[] next();

    /**
     * Those of a page.
     *
     * @param page its bytes behind the levels
     * @param count most that it can have
     * @param dictionary of the column; null without
     */
    static Values of(Encoding encoding, Type type, ByteBuffer page, int count, byte[][] dictionary) {
        ByteBuffer in = page.slice().order(ByteOrder.LITTLE_ENDIAN);
        boolean strings = type == Type.BYTE_ARRAY;
        return switch (encoding) {
            case PLAIN -> plain(type, in);
            case PLAIN_DICTIONARY, RLE_DICTIONARY -> indexed(in, dictionary);
            case DELTA_BINARY_PACKED -> strings ? unread(encoding, type) : numbers(Deltas.read(in, count));
            case DELTA_LENGTH_BYTE_ARRAY -> strings ? lengths(in, count) : unread(encoding, type);
            case DELTA_BYTE_ARRAY -> strings ? prefixes(in, count) : unread(encoding, type);
            default -> unread(encoding, type);
        };
    }

    /** A dictionary's values, which are plain. */
    static byte[][] dictionary(Type type, byte[] page, int count) {
        ByteBuffer in = ByteBuffer.wrap(page).order(ByteOrder.LITTLE_ENDIAN);
        // A string has four bytes at least, its length.
        if (count < 0 || count > page.length / 4) {
            throw Damage.of("a dictionary has an impossible size", "at most " + page.length / 4 + " values", count);
        }
        Values plain = plain(type, in);
        byte[][] all = new byte[count][];
        for (int i = 0; i < count; i++) all[i] = plain.next();
        return all;
    }

    private static Values plain(Type type, ByteBuffer in) {
        return switch (type) {
            case INT32 -> () -> digits(room(in, 4).getInt());
            case INT64 -> () -> digits(room(in, 8).getLong());
            default -> () -> bytes(in, room(in, 4).getInt());
        };
    }

    private static Values indexed(ByteBuffer in, byte[][] dictionary) {
        if (dictionary == null) throw Damage.of("a page has no dictionary", "a dictionary before it", "none");
        // A page of missing values alone may have no width.
        Runs indices = new Runs(in, in.hasRemaining() ? Varint.next(in) : 1);
        return () -> {
            int index = indices.next();
            if (index >= 0 && index < dictionary.length) return dictionary[index];
            throw Damage.of("a value is not in the dictionary", "0 to " + (dictionary.length - 1), index);
        };
    }

    private static Values numbers(long[] all) {
        int[] at = {0};
        return () -> digits(element(all, at[0]++));
    }

    private static Values lengths(ByteBuffer in, int count) {
        long[] lengths = Deltas.read(in, count);
        int[] at = {0};
        return () -> bytes(in, element(lengths, at[0]++));
    }

    private static Values prefixes(ByteBuffer in, int count) {
        long[] shared = Deltas.read(in, count);
        Values suffixes = lengths(in, count);
        int[] at = {0};
        byte[][] last = {new byte[0]};
        return () -> {
            long same = element(shared, at[0]++);
            byte[] suffix = suffixes.next();
            byte[] before = last[0];
            if (same < 0 || same > before.length) {
                throw Damage.of("a value begins like more than the one before", "0 to " + before.length, same);
            }
            byte[] value = Arrays.copyOf(before, Math.addExact((int) same, suffix.length));
            System.arraycopy(suffix, 0, value, (int) same, suffix.length);
            last[0] = value;
            return value;
        };
    }

    private static long element(long[] all, int at) {
        if (at < all.length) return all[at];
        throw Damage.of("a page's values end early", "more than " + all.length, "the end");
    }

    private static ByteBuffer room(ByteBuffer in, int size) {
        if (in.remaining() >= size) return in;
        throw Damage.of("a page's values end early", size + " bytes", in.remaining());
    }

    private static byte[] bytes(ByteBuffer in, long size) {
        if (size < 0 || size > in.remaining()) {
            throw Damage.of("a string is longer than its page", "0 to " + in.remaining() + " bytes", size);
        }
        byte[] bytes = new byte[(int) size];
        in.get(bytes);
        return bytes;
    }

    private static byte[] digits(long number) {
        return Long.toString(number).getBytes(StandardCharsets.US_ASCII);
    }

    private static Values unread(Encoding encoding, Type type) {
        throw Damage.unread(
                "this encoding is not read",
                "plain, dictionary, delta_length_byte_array, delta_byte_array or delta_binary_packed",
                encoding + " of " + type,
                "write the file anew: pyarrow.parquet.write_table(table, file)");
    }
}
