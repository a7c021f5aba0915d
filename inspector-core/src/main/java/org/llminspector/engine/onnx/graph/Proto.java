package org.llminspector.engine.onnx.graph;

import com.google.protobuf.CodedOutputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;

/** Builder of a protobuf message from its fields. Field numbers are onnx.proto's. */
public final class Proto {

    /** Bytes that one message buffers; a graph has thousands of small messages. */
    private static final int BUFFER = 64;

    private final ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    private final CodedOutputStream out = CodedOutputStream.newInstance(bytes, BUFFER);

    /** Writing of a field. */
    private interface Write {
        void run() throws IOException;
    }

    public Proto number(int field, long value) {
        return write(() -> out.writeInt64(field, value));
    }

    /** A repeated number, each with its own tag. */
    public Proto numbers(int field, long... values) {
        for (long v : values) number(field, v);
        return this;
    }

    Proto real(int field, float value) {
        return write(() -> out.writeFloat(field, value));
    }

    public Proto text(int field, String value) {
        return write(() -> out.writeString(field, value));
    }

    public Proto bytes(int field, byte[] value) {
        return write(() -> out.writeByteArray(field, value));
    }

    public Proto message(int field, Proto value) {
        return bytes(field, value.toBytes());
    }

    public byte[] toBytes() {
        write(out::flush);
        return bytes.toByteArray();
    }

    private Proto write(Write field) {
        try {
            field.run();
            return this;
        } catch (IOException e) {
            throw new IllegalStateException("memory is no file", e);
        }
    }
}
