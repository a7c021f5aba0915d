package org.llminspector.web.server.http;

import com.fasterxml.jackson.core.JsonLocation;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.StreamReadFeature;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JsonMappingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.MapperFeature;
import com.fasterxml.jackson.databind.cfg.CoercionAction;
import com.fasterxml.jackson.databind.cfg.CoercionInputShape;
import com.fasterxml.jackson.databind.exc.MismatchedInputException;
import com.fasterxml.jackson.databind.exc.UnrecognizedPropertyException;
import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.databind.node.MissingNode;
import com.fasterxml.jackson.databind.type.LogicalType;
import java.io.IOException;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.Deque;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.stream.Collectors;
import org.llminspector.base.Json;
import org.llminspector.base.Problem;

/** Strict JSON parser: no coercion, and every error names the place and the expected value. */
public final class StrictJson {

    private static final JsonMapper MAPPER = Json.mapper()
            .rebuild()
            .disable(MapperFeature.ALLOW_COERCION_OF_SCALARS)
            .disable(DeserializationFeature.ACCEPT_FLOAT_AS_INT)
            .enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION)
            .withCoercionConfig(LogicalType.Textual, c -> c.setCoercion(CoercionInputShape.Integer, CoercionAction.Fail)
                    .setCoercion(CoercionInputShape.Float, CoercionAction.Fail)
                    .setCoercion(CoercionInputShape.Boolean, CoercionAction.Fail))
            .build();

    private StrictJson() {}

    /** Parses the value; {@code name} names the input in errors. */
    public static <T> T read(byte[] json, Class<T> type, String name) {
        return convert(tree(json, name), type, name);
    }

    public static JsonNode tree(byte[] json, String name) {
        try {
            JsonNode tree = MAPPER.readTree(json);
            if (tree == null || tree instanceof MissingNode) {
                throw Problem.invalid("the JSON is empty").where(name).expected("a JSON object");
            }
            refuseNullElements(tree, new ArrayDeque<>());
            return tree;
        } catch (JsonProcessingException e) {
            JsonLocation at = e.getLocation();
            throw Problem.invalid("not valid JSON")
                    .where(at == null ? name : name + ", line " + at.getLineNr() + ", column " + at.getColumnNr())
                    .found(firstLine(e.getOriginalMessage()));
        } catch (IOException e) {
            throw Problem.invalid("not valid JSON")
                    .where(name)
                    .expected("UTF-8")
                    .found(firstLine(String.valueOf(e.getMessage())));
        }
    }

    public static <T> T convert(JsonNode tree, Class<T> type, String name) {
        if (!tree.isObject()) {
            throw Problem.invalid("the JSON is not an object")
                    .where(name)
                    .expected("{...}")
                    .found(shown(tree));
        }
        try {
            return MAPPER.treeToValue(tree, type);
        } catch (UnrecognizedPropertyException e) {
            throw Problem.invalid("there is no such field")
                    .where(path(e))
                    .expected("one of "
                            + e.getKnownPropertyIds().stream()
                                    .map(String::valueOf)
                                    .sorted()
                                    .collect(Collectors.joining(", ")))
                    .found(Problem.shown(e.getPropertyName()));
        } catch (JsonMappingException e) {
            for (Throwable cause = e.getCause(); cause != null; cause = cause.getCause()) {
                if (cause instanceof Problem problem) throw problem.where(path(e));
            }
            Class<?> target = e instanceof MismatchedInputException m ? m.getTargetType() : null;
            Problem problem = Problem.invalid("the field has a value that does not fit")
                    .where(path(e).isEmpty() ? name : path(e))
                    .found(shown(at(tree, e.getPath())));
            throw target == null ? problem : problem.expected(inWords(target));
        } catch (JsonProcessingException e) {
            throw Problem.invalid("the JSON does not fit").where(name).found(firstLine(e.getOriginalMessage()));
        }
    }

    /**
     * Refuses null elements, which have no meaning in this interface.
     *
     * @param path names and indices to the node; formatted only where a null is found
     */
    private static void refuseNullElements(JsonNode node, Deque<Object> path) {
        if (node.isObject()) {
            for (Map.Entry<String, JsonNode> field : node.properties()) {
                path.addLast(field.getKey());
                refuseNullElements(field.getValue(), path);
                path.removeLast();
            }
        } else if (node.isArray()) {
            for (int i = 0; i < node.size(); i++) {
                path.addLast(i);
                if (node.get(i).isNull()) {
                    throw Problem.invalid("a list has an empty place")
                            .where(inWords(path))
                            .expected("a value")
                            .found("null");
                }
                refuseNullElements(node.get(i), path);
                path.removeLast();
            }
        }
    }

    private static String inWords(Iterable<Object> path) {
        StringBuilder words = new StringBuilder();
        for (Object step : path) {
            if (step instanceof Integer) words.append('[').append(step).append(']');
            else words.append(words.isEmpty() ? "" : ".").append(step);
        }
        return words.toString();
    }

    private static String path(JsonMappingException e) {
        List<Object> path = new ArrayList<>();
        for (JsonMappingException.Reference r : e.getPath()) {
            path.add(r.getFieldName() == null ? (Object) r.getIndex() : r.getFieldName());
        }
        return inWords(path);
    }

    private static JsonNode at(JsonNode tree, List<JsonMappingException.Reference> path) {
        JsonNode node = tree;
        for (JsonMappingException.Reference r : path) {
            node = r.getFieldName() == null ? node.path(r.getIndex()) : node.path(r.getFieldName());
        }
        return node;
    }

    private static String inWords(Class<?> type) {
        if (type == Integer.class || type == Long.class || type == int.class || type == long.class) {
            return "a whole number";
        }
        if (Number.class.isAssignableFrom(type) || type == double.class || type == float.class) return "a number";
        if (type == Boolean.class || type == boolean.class) return "true or false";
        if (type == String.class) return "a text in quotes";
        if (Collection.class.isAssignableFrom(type)) return "a list [...]";
        if (type.isEnum()) {
            return "one of "
                    + Arrays.stream(type.getEnumConstants())
                            .map(c -> c.toString().toLowerCase(Locale.ROOT))
                            .collect(Collectors.joining(", "));
        }
        return "an object {...}";
    }

    private static String shown(JsonNode node) {
        String text = node.isMissingNode() ? "nothing" : node.toString();
        return text.length() > 80 ? text.substring(0, 77) + "..." : text;
    }

    private static String firstLine(String text) {
        int end = text.indexOf('\n');
        return end < 0 ? text : text.substring(0, end);
    }
}
