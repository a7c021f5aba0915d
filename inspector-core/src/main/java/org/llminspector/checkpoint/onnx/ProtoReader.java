package org.llminspector.checkpoint.onnx;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import org.llminspector.base.Problem;

/**
 * Reader of a protobuf message's fields; a field beyond the message's end throws a Problem.
 *
 * <p>See https://protobuf.dev/programming-guides/encoding.
 */
final class ProtoReader {

    private static final int VARINT = 0;
    private static final int FIXED64 = 1;
    private static final int LENGTH_DELIMITED = 2;
    private static final int FIXED32 = 5;

    private final Path path;
    private final ByteBuffer bytes; // the whole file, little-endian
    private final int limit;
    private int at;
    private int tagAt;
    private int field;
    private int wire;
    private long number;
    private int start;
    private int end;

    ProtoReader(Path path, ByteBuffer bytes, int from, int to) {
        this.path = path;
        this.bytes = bytes;
        this.at = from;
        this.limit = to;
    }

    /** Reads the next field; false at the message's end. */
    boolean next() {
        if (at == limit) return false;
        tagAt = at;
        long tag = varint();
        field = (int) (tag >>> 3);
        wire = (int) (tag & 7);
        if (tag >>> 32 != 0 || field == 0) throw damaged("field number " + (tag >>> 3));
        switch (wire) {
            case VARINT -> number = varint();
            case FIXED64 -> skip(Long.BYTES);
            case FIXED32 -> skip(Integer.BYTES);
            case LENGTH_DELIMITED -> {
                long length = varint();
                if (length < 0 || length > limit - at) {
                    throw damaged(
                            "a length of " + Long.toUnsignedString(length) + " with " + (limit - at) + " bytes left");
                }
                skip((int) length);
            }
            default -> throw damaged("wire type " + wire);
        }
        return true;
    }

    private void skip(int length) {
        if (length > limit - at) throw damaged("the end of the message within a number");
        start = at;
        at += length;
        end = at;
    }

    private long varint() {
        long value = 0;
        for (int shift = 0; shift < 64; shift += 7) {
            if (at == limit) throw damaged("the end of the message within a number");
            byte b = bytes.get(at++);
            value |= (long) (b & 0x7F) << shift;
            if (b >= 0) return value;
        }
        throw damaged("a number of more than 10 bytes");
    }

    private Problem damaged(String found) {
        return Problem.invalid("this is not an ONNX file, or it is damaged")
                .where(path + ", byte " + tagAt)
                .expected("protobuf messages (onnx.proto)")
                .found(found)
                .instead("download it again");
    }

    int field() {
        return field;
    }

    /** Offset of the field's tag in the file. */
    int tagAt() {
        return tagAt;
    }

    /** The value of a varint field. */
    long number() {
        if (wire != VARINT) throw damaged("field " + field + " is no number");
        return number;
    }

    /** First byte of a length-delimited field; {@link #end} is the byte after it. */
    int start() {
        if (wire != LENGTH_DELIMITED) throw damaged("field " + field + " is no message");
        return start;
    }

    int end() {
        return end;
    }

    String text() {
        byte[] text = new byte[end - start()];
        bytes.get(start, text);
        return new String(text, StandardCharsets.UTF_8);
    }

    ProtoReader message() {
        return new ProtoReader(path, bytes, start(), end);
    }

    /** Whether the field is a packed list of numbers. */
    boolean packed() {
        return wire == LENGTH_DELIMITED;
    }

    /** The next number of a packed list. */
    long packedNumber() {
        return varint();
    }

    boolean atEnd() {
        return at == limit;
    }
}
