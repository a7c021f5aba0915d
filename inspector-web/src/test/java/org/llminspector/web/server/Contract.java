package org.llminspector.web.server;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.fasterxml.jackson.dataformat.yaml.YAMLMapper;
import com.networknt.schema.JsonSchema;
import com.networknt.schema.JsonSchemaFactory;
import com.networknt.schema.SpecVersion;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.ConcurrentHashMap;

/** Contract is openapi.yaml as a judge of answers. */
final class Contract {

    static final ObjectMapper JSON = new ObjectMapper();
    private static final Set<String> METHODS = Set.of("get", "post", "put", "delete", "patch");

    private final JsonNode api;
    private final JsonSchemaFactory schemas = JsonSchemaFactory.getInstance(SpecVersion.VersionFlag.V202012);
    private final Map<String, JsonSchema> compiled = new ConcurrentHashMap<>();
    /** Operations that were answered with a 2xx. */
    final Set<String> answered = ConcurrentHashMap.newKeySet();

    Contract() throws IOException {
        try (InputStream in = Contract.class.getResourceAsStream("/openapi.yaml")) {
            api = new YAMLMapper().readTree(in);
        }
    }

    /** Every operation as {@code GET /path/{parameter}}. */
    Set<String> operations() {
        Set<String> all = new TreeSet<>();
        api.path("paths")
                .properties()
                .forEach(path -> path.getValue().properties().forEach(method -> {
                    if (METHODS.contains(method.getKey()))
                        all.add(method.getKey().toUpperCase(Locale.ROOT) + " " + path.getKey());
                }));
        return all;
    }

    /** The operation that a request belongs to, or null. */
    String operation(String method, String path) {
        String exact = method + " " + path;
        if (operations().contains(exact)) return exact;
        return operations().stream()
                .filter(o -> exact.matches(o.replaceAll("\\{[^}]+}", "[^/]+")))
                .findFirst()
                .orElse(null);
    }

    /** Fails when the document has no such answer, or the body is not of its schema. */
    void check(String method, String path, int status, String contentType, byte[] body) {
        String operation = operation(method, path);
        String media = contentType == null ? "" : contentType.replaceFirst(";.*", "");
        if (operation == null) {
            assertThat(status).as(method + " " + path + " is in no contract").isBetween(400, 499);
            validate("#/components/schemas/Problem", body, method + " " + path);
            return;
        }
        String[] parts = operation.split(" ", 2);
        JsonNode responses = api.path("paths")
                .path(parts[1])
                .path(parts[0].toLowerCase(Locale.ROOT))
                .path("responses");
        JsonNode response = resolve(responses.path(responses.has("" + status) ? "" + status : "default"));
        if (status < 400) {
            assertThat(responses.has("" + status))
                    .as(operation + " -> " + status)
                    .isTrue();
            answered.add(operation);
        }
        if (status == 204 || status == 304) return;
        JsonNode content = response.path("content");
        assertThat(content.has(media))
                .as(operation + " -> " + status + " " + media)
                .isTrue();
        JsonNode schema = content.path(media).path("schema");
        if (media.equals("application/x-ndjson")) {
            for (String line : new String(body, StandardCharsets.UTF_8).split("\n"))
                validate(schema, line.getBytes(StandardCharsets.UTF_8), operation + ", a line");
        } else if (media.endsWith("json")) {
            validate(schema, body, operation + " -> " + status);
        }
    }

    void validate(String ref, byte[] body, String what) {
        validate(JSON.createObjectNode().put("$ref", ref), body, what);
    }

    private void validate(JsonNode schema, byte[] body, String what) {
        JsonSchema judge = compiled.computeIfAbsent(schema.toString(), key -> {
            ObjectNode whole = schema.deepCopy();
            whole.set("components", api.path("components"));
            return schemas.getSchema(whole);
        });
        try {
            assertThat(judge.validate(JSON.readTree(body)))
                    .as(what + ": " + new String(body, 0, Math.min(body.length, 2000), StandardCharsets.UTF_8))
                    .isEmpty();
        } catch (IOException e) {
            throw new AssertionError(what + " is not JSON", e);
        }
    }

    /** Keys without a value: a description with a comma in a flow mapping that is not quoted. */
    Set<String> emptyKeys() {
        Set<String> keys = new TreeSet<>();
        emptyKeys(api, keys);
        return keys;
    }

    private static void emptyKeys(JsonNode node, Set<String> keys) {
        node.properties().forEach(e -> {
            if (e.getValue().isNull() && e.getKey().contains(" ")) keys.add(e.getKey());
        });
        node.forEach(child -> emptyKeys(child, keys));
    }

    /** Fails when an example of a JSON body is not of its schema. Returns how many there are. */
    int checkExamples() {
        int[] count = {0};
        api.path("paths")
                .properties()
                .forEach(path -> path.getValue().properties().forEach(method -> {
                    JsonNode operation = method.getValue();
                    String what = method.getKey() + " " + path.getKey();
                    count[0] += examples(resolve(operation.path("requestBody")).path("content"), what);
                    for (JsonNode response : operation.path("responses")) {
                        count[0] += examples(resolve(response).path("content"), what);
                    }
                }));
        return count[0];
    }

    private int examples(JsonNode content, String what) {
        List<JsonNode> examples = new ArrayList<>();
        JsonNode media = content.path("application/json");
        if (media.has("example")) examples.add(media.path("example"));
        media.path("examples").forEach(e -> examples.add(resolve(e).path("value")));
        for (JsonNode example : examples) {
            validate(media.path("schema"), example.toString().getBytes(StandardCharsets.UTF_8), "example of " + what);
        }
        return examples.size();
    }

    private JsonNode resolve(JsonNode node) {
        String ref = node.path("$ref").asText();
        return ref.isEmpty() ? node : api.at(ref.substring(1));
    }
}
