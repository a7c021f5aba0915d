package org.llminspector.web.mcp;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** JSON schema of a tool's arguments, built field by field. */
final class Schema {

    private final Map<String, Object> properties = new LinkedHashMap<>();
    private final List<String> required = new ArrayList<>();

    Schema text(String name, String description) {
        return field(name, Map.of("type", "string"), description);
    }

    Schema choice(String name, List<String> values, String description) {
        return field(name, Map.of("type", "string", "enum", values), description);
    }

    Schema whole(String name, String description) {
        return field(name, Map.of("type", "integer"), description);
    }

    Schema number(String name, String description) {
        return field(name, Map.of("type", "number"), description);
    }

    Schema truth(String name, String description) {
        return field(name, Map.of("type", "boolean"), description);
    }

    Schema object(String name, String description) {
        return field(name, Map.of("type", "object"), description);
    }

    Schema texts(String name, String description) {
        return list(name, "string", description);
    }

    Schema wholes(String name, String description) {
        return list(name, "integer", description);
    }

    Schema objects(String name, String description) {
        return list(name, "object", description);
    }

    /** The fields that have to be given. */
    Schema required(String... names) {
        required.addAll(List.of(names));
        return this;
    }

    /** The model, its engine and its precision: fields of most tools. */
    Schema model() {
        return text("model", "A name that the tool models lists. Default: the one marked there.")
                .text("engine", "torch (default) or onnx")
                .text("precision", "fp32 (default), fp16, bf16, int8, int4_32 and others; what an engine has differs");
    }

    private Schema list(String name, String of, String description) {
        return field(name, Map.of("type", "array", "items", Map.of("type", of)), description);
    }

    private Schema field(String name, Map<String, Object> type, String description) {
        Map<String, Object> field = new LinkedHashMap<>(type);
        field.put("description", description);
        properties.put(name, field);
        return this;
    }

    Map<String, Object> json() {
        Map<String, Object> schema = new LinkedHashMap<>();
        schema.put("type", "object");
        schema.put("properties", properties);
        schema.put("required", required);
        schema.put("additionalProperties", false);
        return schema;
    }
}
