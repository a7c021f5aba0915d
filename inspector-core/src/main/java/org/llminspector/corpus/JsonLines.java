package org.llminspector.corpus;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import java.io.BufferedReader;
import java.io.IOException;
import java.nio.file.Path;
import java.util.function.Predicate;
import org.llminspector.base.Json;
import org.llminspector.base.Problem;
import org.llminspector.base.Reads;

/** A .jsonl file: a JSON object a line, one of whose fields is the text. */
final class JsonLines {

    private JsonLines() {}

    /** @return whether the reader wants more */
    static boolean read(Path file, String name, CorpusOptions options, BadLines bad, Predicate<Document> reader) {
        try (BufferedReader lines = TextFile.open(file)) {
            long number = 0;
            for (String line = TextFile.line(lines, name); line != null; line = TextFile.line(lines, name)) {
                number++;
                if (line.isBlank()) continue;
                String where = name + ":" + number;
                Document document;
                try {
                    document = document(line, where, options);
                } catch (Problem p) {
                    bad.add(where, p);
                    continue;
                }
                if (!reader.test(document)) return false;
            }
            return true;
        } catch (IOException e) {
            throw Reads.unreadable(file, e);
        }
    }

    private static Document document(String line, String where, CorpusOptions options) {
        JsonNode node;
        try {
            node = Json.mapper().readTree(line);
        } catch (JsonProcessingException e) {
            throw BadLines.bad("the line is not JSON", where, "a JSON object", e.getOriginalMessage());
        }
        if (!node.isObject())
            throw BadLines.bad("the line is not an object", where, "a JSON object", node.getNodeType());
        JsonNode text = node.get(options.field());
        if (text == null || !text.isTextual()) {
            String found = text == null ? "fields " + names(node) : String.valueOf(text.getNodeType());
            throw BadLines.bad("the line has no text", where, "a string in field \"" + options.field() + "\"", found);
        }
        JsonNode id = node.get(options.id());
        return new Document(id != null && id.isValueNode() && !id.isNull() ? id.asText() : where, text.asText());
    }

    private static String names(JsonNode node) {
        StringBuilder names = new StringBuilder();
        node.fieldNames()
                .forEachRemaining(n -> names.append(names.isEmpty() ? "" : ", ").append(n));
        return names.length() > 200 ? names.substring(0, 200) + " ..." : names.toString();
    }
}
