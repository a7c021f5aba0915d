package org.llminspector.corpus;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import java.io.BufferedReader;
import java.io.IOException;
import java.nio.file.Path;
import java.util.function.BiFunction;
import java.util.function.Predicate;
import org.llminspector.base.Json;
import org.llminspector.base.Problem;
import org.llminspector.base.Reads;

/** A .jsonl file: a JSON object a line, one of whose fields is the text. */
final class JsonLines {

    private JsonLines() {}

    /** @return whether the reader wants more */
    static boolean read(Path file, String name, CorpusOptions options, BadLines bad, Predicate<Document> reader) {
        return read(file, name, bad, (line, where) -> document(line, where, options), reader);
    }

    /**
     * Reads a file's objects.
     *
     * @param made makes a value of an object and its place; what it refuses is a bad line
     * @return whether the reader wants more
     */
    static <T> boolean read(
            Path file, String name, BadLines bad, BiFunction<JsonNode, String, T> made, Predicate<T> reader) {
        try (BufferedReader lines = TextFile.open(file)) {
            long number = 0;
            for (String line = TextFile.line(lines, name); line != null; line = TextFile.line(lines, name)) {
                number++;
                if (line.isBlank()) continue;
                String where = name + ":" + number;
                T value;
                try {
                    value = made.apply(object(line, where), where);
                } catch (Problem p) {
                    bad.add(where, p);
                    continue;
                }
                if (!reader.test(value)) return false;
            }
            return true;
        } catch (IOException e) {
            throw Reads.unreadable(file, e);
        }
    }

    private static JsonNode object(String line, String where) {
        JsonNode node;
        try {
            node = Json.mapper().readTree(line);
        } catch (JsonProcessingException e) {
            throw BadLines.bad("the line is not JSON", where, "a JSON object", e.getOriginalMessage());
        }
        if (node.isObject()) return node;
        throw BadLines.bad("the line is not an object", where, "a JSON object", node.getNodeType());
    }

    private static Document document(JsonNode node, String where, CorpusOptions options) {
        JsonNode text = node.get(options.field());
        if (text == null || !text.isTextual()) {
            String found = text == null ? "fields " + names(node) : String.valueOf(text.getNodeType());
            throw BadLines.bad("the line has no text", where, "a string in field \"" + options.field() + "\"", found);
        }
        return new Document(id(node, where, options.id()), text.asText());
    }

    /** An object's own id, or where it lies. */
    static String id(JsonNode node, String where, String field) {
        JsonNode id = node.get(field);
        return id != null && id.isValueNode() && !id.isNull() ? id.asText() : where;
    }

    static String names(JsonNode node) {
        StringBuilder names = new StringBuilder();
        node.fieldNames()
                .forEachRemaining(n -> names.append(names.isEmpty() ? "" : ", ").append(n));
        return names.length() > 200 ? names.substring(0, 200) + " ..." : names.toString();
    }
}
