package org.llminspector.base;

import com.fasterxml.jackson.annotation.JsonInclude;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.MapperFeature;
import com.fasterxml.jackson.databind.PropertyNamingStrategies;
import com.fasterxml.jackson.databind.SerializationFeature;
import com.fasterxml.jackson.databind.cfg.EnumFeature;
import com.fasterxml.jackson.databind.json.JsonMapper;
import java.io.IOException;
import java.nio.file.Path;

/** The project's only JSON mapper: snake_case, records, unknown fields refused, nulls omitted. */
public final class Json {

    private static final JsonMapper MAPPER = JsonMapper.builder()
            .propertyNamingStrategy(PropertyNamingStrategies.SNAKE_CASE)
            .defaultPropertyInclusion(
                    JsonInclude.Value.construct(JsonInclude.Include.NON_NULL, JsonInclude.Include.ALWAYS))
            .enable(DeserializationFeature.FAIL_ON_UNKNOWN_PROPERTIES)
            .enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS)
            .enable(MapperFeature.ACCEPT_CASE_INSENSITIVE_ENUMS)
            .enable(EnumFeature.WRITE_ENUMS_TO_LOWERCASE)
            .disable(SerializationFeature.WRITE_DATES_AS_TIMESTAMPS)
            .build();

    private Json() {}

    public static JsonMapper mapper() {
        return MAPPER;
    }

    /** Parses a file as a JSON object; a missing, too large or malformed file is a Problem that names it. */
    public static JsonNode readObject(Path file) {
        return readObject(file, Reads.JSON);
    }

    /** @param limit most bytes that the file may have */
    public static JsonNode readObject(Path file, long limit) {
        byte[] bytes = Reads.bytes(file, limit);
        try {
            JsonNode node = MAPPER.readTree(bytes);
            if (node == null || !node.isObject()) {
                throw Problem.invalid("the file is not a JSON object")
                        .where(file)
                        .expected("{...}")
                        .found(node == null ? "nothing" : node.getNodeType());
            }
            return node;
        } catch (JsonProcessingException e) {
            throw Problem.invalid("the file is not valid JSON").where(file).found(e.getOriginalMessage());
        } catch (IOException e) {
            throw Problem.invalid("the file cannot be read")
                    .where(file)
                    .found(e.getMessage())
                    .causedBy(e);
        }
    }

    public static String write(Object value) {
        try {
            return MAPPER.writerWithDefaultPrettyPrinter().writeValueAsString(value);
        } catch (JsonProcessingException e) {
            throw new IllegalStateException("a value of ours does not serialize: " + value.getClass(), e);
        }
    }
}
