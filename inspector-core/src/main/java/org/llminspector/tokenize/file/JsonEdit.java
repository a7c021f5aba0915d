package org.llminspector.tokenize.file;

import com.fasterxml.jackson.core.JsonGenerator;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonToken;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.util.LinkedHashMap;
import java.util.Map;
import org.llminspector.base.Json;

/** Streaming copy of a JSON object with some fields replaced. */
public final class JsonEdit {

    private JsonEdit() {}

    /**
     * The same object with these values.
     *
     * @param values JSON by path, one or two names deep: {@code "post_processor"}, {@code "model.merges"}
     */
    public static byte[] with(byte[] json, Map<String, String> values) throws IOException {
        ByteArrayOutputStream out = new ByteArrayOutputStream(json.length / 2);
        try (JsonParser p = Json.mapper().createParser(json);
                JsonGenerator g = Json.mapper().createGenerator(out)) {
            if (p.nextToken() != JsonToken.START_OBJECT) throw new IOException("no JSON object");
            object(p, g, "", values);
        }
        return out.toByteArray();
    }

    private static void object(JsonParser p, JsonGenerator g, String prefix, Map<String, String> values)
            throws IOException {
        Map<String, String> left = new LinkedHashMap<>();
        values.forEach((path, value) -> {
            if (path.startsWith(prefix) && path.indexOf('.', prefix.length()) < 0) left.put(path, value);
        });
        g.writeStartObject();
        while (p.nextToken() == JsonToken.FIELD_NAME) {
            String path = prefix + p.currentName();
            g.writeFieldName(p.currentName());
            boolean deeper = p.nextToken() == JsonToken.START_OBJECT && prefix.isEmpty() && reaches(values, path);
            if (values.containsKey(path)) {
                g.writeRawValue(values.get(path));
                p.skipChildren();
                left.remove(path);
            } else if (deeper) {
                object(p, g, path + '.', values);
            } else {
                g.copyCurrentStructure(p);
            }
        }
        for (Map.Entry<String, String> field : left.entrySet()) {
            g.writeFieldName(field.getKey().substring(prefix.length()));
            g.writeRawValue(field.getValue());
        }
        g.writeEndObject();
    }

    private static boolean reaches(Map<String, String> values, String path) {
        return values.keySet().stream().anyMatch(key -> key.startsWith(path + '.'));
    }
}
