package org.llminspector.engine.cache;

import java.util.Locale;

/**
 * Number formats of a KV cache's keys and values.
 *
 * @param key null means the values' format; attention is more sensitive to rounded keys than to rounded values
 * @param value null means the keys' format
 */
public record KvFormats(KvFormat key, KvFormat value) {

    public static final KvFormats FP32 = new KvFormats(KvFormat.FP32, KvFormat.FP32);
    public static final KvFormats FP16 = new KvFormats(KvFormat.FP16, KvFormat.FP16);

    public KvFormats {
        if (key == null) key = value == null ? KvFormat.FP32 : value;
        if (value == null) value = key;
    }

    /** {@code int8}, or {@code keys fp16, values int8}. */
    public String words() {
        String k = key.name().toLowerCase(Locale.ROOT);
        return key == value ? k : "keys " + k + ", values " + value.name().toLowerCase(Locale.ROOT);
    }
}
