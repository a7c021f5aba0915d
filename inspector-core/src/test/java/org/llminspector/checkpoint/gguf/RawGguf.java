package org.llminspector.checkpoint.gguf;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** RawGguf makes GGUF files byte by byte, right or wrong. */
public final class RawGguf {

    /** A tensor as the header declares it; the shape is in the file's order, columns first. */
    public record TensorEntry(String name, List<Long> shape, long type, long offset) {}

    public long magic = 0x46554747;
    public long version = 3;
    public Long tensorCount;
    public Long keyCount;
    public int alignment = 32;
    public final Map<String, Object> metadata = new LinkedHashMap<>();
    public final List<TensorEntry> tensors = new ArrayList<>();
    public byte[] data = new byte[0];

    private final ByteArrayOutputStream out = new ByteArrayOutputStream();

    /** A byte[] is a value's bytes as they are, type and all. */
    public RawGguf put(String key, Object value) {
        metadata.put(key, value);
        return this;
    }

    public RawGguf tensor(String name, long type, long offset, long... shape) {
        tensors.add(entry(name, type, offset, shape));
        return this;
    }

    public static TensorEntry entry(String name, long type, long offset, long... shape) {
        return new TensorEntry(name, Arrays.stream(shape).boxed().toList(), type, offset);
    }

    public byte[] bytes() {
        out.reset();
        u32(magic);
        u32(version);
        u64(tensorCount == null ? tensors.size() : tensorCount);
        u64(keyCount == null ? metadata.size() : keyCount);
        metadata.forEach((k, v) -> {
            text(k);
            value(v);
        });
        for (TensorEntry t : tensors) {
            text(t.name());
            u32(t.shape().size());
            for (long d : t.shape()) u64(d);
            u32(t.type());
            u64(t.offset());
        }
        while (out.size() % alignment != 0) out.write(0);
        out.writeBytes(data);
        return out.toByteArray();
    }

    public Path write(Path file) {
        try {
            Files.deleteIfExists(file); // to write over a file that is mapped waits for its lease
            return Files.write(file, bytes());
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private void value(Object v) {
        if (v instanceof byte[] bytes) {
            out.writeBytes(bytes);
        } else if (v instanceof Integer i) {
            u32(4);
            u32(i);
        } else if (v instanceof Long l) {
            u32(10);
            u64(l);
        } else if (v instanceof Float f) {
            u32(6);
            u32(Float.floatToRawIntBits(f));
        } else if (v instanceof Boolean b) {
            u32(7);
            out.write(b ? 1 : 0);
        } else if (v instanceof String s) {
            u32(8);
            text(s);
        } else if (v instanceof float[] list) {
            u32(9);
            u32(6);
            u64(list.length);
            for (float f : list) u32(Float.floatToRawIntBits(f));
        } else if (v instanceof int[] list) {
            u32(9);
            u32(5);
            u64(list.length);
            for (int i : list) u32(i);
        } else if (v instanceof boolean[] list) {
            u32(9);
            u32(7);
            u64(list.length);
            for (boolean b : list) out.write(b ? 1 : 0);
        } else if (v instanceof List<?> list) {
            u32(9);
            u32(8);
            u64(list.size());
            for (Object s : list) text((String) s);
        } else {
            throw new IllegalArgumentException(String.valueOf(v));
        }
    }

    private void text(String s) {
        byte[] bytes = s.getBytes(StandardCharsets.UTF_8);
        u64(bytes.length);
        out.writeBytes(bytes);
    }

    private void u32(long v) {
        number(out, 4, v);
    }

    private void u64(long v) {
        number(out, 8, v);
    }

    /** Little-endian numbers, each after its width in bytes. */
    public static byte[] numbers(long... widthsAndValues) {
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        for (int i = 0; i < widthsAndValues.length; i += 2) number(out, widthsAndValues[i], widthsAndValues[i + 1]);
        return out.toByteArray();
    }

    private static void number(ByteArrayOutputStream out, long bytes, long v) {
        for (int i = 0; i < bytes; i++) out.write((int) (v >>> (8 * i)));
    }
}
