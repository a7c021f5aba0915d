package org.llminspector.checkpoint.gguf;

import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.llminspector.base.Problem;

/**
 * Metadata of a GGUF file: typed values by key. A value of an unexpected type throws a Problem that names the file and
 * the key.
 *
 * <p>Values are Long (unsigned 64-bit ones keep their bits), Float, Double, Boolean, String; arrays are long[],
 * float[], double[], boolean[], or a List of Strings or of arrays.
 */
public final class GgufMetadata {

    private final Path file;
    private final Map<String, Object> values;

    GgufMetadata(Path file, Map<String, Object> values) {
        this.file = file;
        this.values = values;
    }

    public Set<String> keys() {
        return values.keySet();
    }

    public boolean has(String key) {
        return values.containsKey(key);
    }

    /** The raw value, or null. */
    public Object value(String key) {
        return values.get(key);
    }

    public String text(String key, String whenAbsent) {
        return get(key, String.class, "a string", whenAbsent);
    }

    public boolean flag(String key, boolean whenAbsent) {
        return get(key, Boolean.class, "true or false", whenAbsent);
    }

    /** A whole number from 0 to 2^31 - 1. */
    public int size(String key) {
        if (!values.containsKey(key)) throw wrong(key, "a whole number");
        return size(key, 0);
    }

    public int size(String key, int whenAbsent) {
        long n = get(key, Long.class, "a whole number", (long) whenAbsent);
        if (n < 0 || n > Integer.MAX_VALUE) throw wrong(key, "a whole number from 0 to 2,147,483,647");
        return (int) n;
    }

    /**
     * A number. A float32 is converted through its shortest decimal, which is config.json's original value:
     * 9.99999997e-7 gives 1e-6.
     */
    public double number(String key, double whenAbsent) {
        Object v = values.get(key);
        if (v == null) return whenAbsent;
        if (v instanceof Float f) return Double.parseDouble(Float.toString(f));
        if (v instanceof Number n) return n.doubleValue();
        throw wrong(key, "a number");
    }

    /** A list of strings; empty when absent. */
    @SuppressWarnings("unchecked")
    public List<String> texts(String key) {
        Object v = values.get(key);
        if (v == null) return List.of();
        if (v instanceof List<?> list && (list.isEmpty() || list.get(0) instanceof String)) return (List<String>) list;
        throw wrong(key, "a list of strings");
    }

    /** A list of float32; empty when absent. */
    public float[] floats(String key) {
        return get(key, float[].class, "a list of float32", new float[0]);
    }

    /** A list of whole numbers; empty when absent. */
    public long[] wholes(String key) {
        return get(key, long[].class, "a list of whole numbers", new long[0]);
    }

    private <T> T get(String key, Class<T> type, String expected, T whenAbsent) {
        Object v = values.get(key);
        if (v == null) return whenAbsent;
        if (!type.isInstance(v)) throw wrong(key, expected);
        return type.cast(v);
    }

    /** File and key, for messages. */
    public String at(String key) {
        return file + ", key " + Problem.shown(key);
    }

    public Problem wrong(String key, String expected) {
        return Problem.invalid("a metadata value is missing or wrong")
                .where(at(key))
                .expected(expected)
                .found(found(values.get(key)));
    }

    private static String found(Object v) {
        if (v == null) return "nothing";
        if (v instanceof String s) return Problem.shown(s);
        if (v instanceof Number || v instanceof Boolean) return String.valueOf(v);
        return "a list";
    }
}
