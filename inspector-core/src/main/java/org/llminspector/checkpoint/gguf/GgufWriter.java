package org.llminspector.checkpoint.gguf;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.WritableByteChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.llminspector.base.Bytes;
import org.llminspector.base.DType;
import org.llminspector.base.Tensor;
import org.llminspector.base.Writes;

/** Writer of small GGUF files, version 3: metadata of texts, u32 and lists of texts, and tensors of float32. */
public final class GgufWriter {

    private static final int VERSION = 3;
    private static final int ALIGNMENT = 32;
    // Types of values in the metadata.
    private static final int U32 = 4;
    private static final int STRING = 8;
    private static final int ARRAY = 9;

    /** ggml's number of the type. */
    private static final int F32 = 0;

    private final ByteArrayOutputStream head = new ByteArrayOutputStream();

    private GgufWriter() {}

    /**
     * Writes a file atomically ({@link Writes#atomically}).
     *
     * @param metadata String, Integer or a list of String by key, in order
     * @param tensors F32, in order
     */
    public static void write(Path file, Map<String, Object> metadata, Map<String, Tensor> tensors) {
        byte[] head = new GgufWriter().head(metadata, tensors);
        Writes.atomically(file, out -> {
            Bytes.of(ByteBuffer.wrap(head)).writeTo(out);
            pad(out, head.length);
            for (Tensor t : tensors.values()) {
                t.bytes().writeTo(out);
                pad(out, t.byteSize());
            }
        });
    }

    private static void pad(WritableByteChannel out, long bytes) throws IOException {
        Bytes.of(ByteBuffer.allocate(padding(bytes))).writeTo(out);
    }

    private byte[] head(Map<String, Object> metadata, Map<String, Tensor> tensors) {
        put("GGUF".getBytes(StandardCharsets.US_ASCII));
        u32(VERSION);
        u64(tensors.size());
        u64(metadata.size());
        metadata.forEach((key, value) -> {
            text(key);
            value(value);
        });
        long offset = 0;
        for (Map.Entry<String, Tensor> e : tensors.entrySet()) {
            Tensor t = e.getValue();
            if (t.dtype() != DType.F32) throw new IllegalArgumentException(e.getKey() + " is " + t);
            text(e.getKey());
            u32(t.rank());
            long[] shape = t.shape();
            for (int axis = shape.length - 1; axis >= 0; axis--) u64(shape[axis]); // columns first
            u32(F32);
            u64(offset);
            offset += t.byteSize() + padding(t.byteSize());
        }
        return head.toByteArray();
    }

    private void value(Object value) {
        if (value instanceof String text) {
            u32(STRING);
            text(text);
        } else if (value instanceof Integer n) {
            u32(U32);
            u32(n);
        } else if (value instanceof List<?> texts) {
            u32(ARRAY);
            u32(STRING);
            u64(texts.size());
            texts.forEach(t -> text((String) t));
        } else {
            throw new IllegalArgumentException("not a value of the metadata: " + value);
        }
    }

    private void text(String text) {
        byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
        u64(bytes.length);
        put(bytes);
    }

    private void u32(int value) {
        put(ByteBuffer.allocate(Integer.BYTES)
                .order(ByteOrder.LITTLE_ENDIAN)
                .putInt(value)
                .array());
    }

    private void u64(long value) {
        put(ByteBuffer.allocate(Long.BYTES)
                .order(ByteOrder.LITTLE_ENDIAN)
                .putLong(value)
                .array());
    }

    private void put(byte[] bytes) {
        head.write(bytes, 0, bytes.length);
    }

    private static int padding(long bytes) {
        return (int) (-bytes & ALIGNMENT - 1);
    }
}
