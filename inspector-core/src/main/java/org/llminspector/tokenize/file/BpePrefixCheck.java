package org.llminspector.tokenize.file;

import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonToken;
import java.io.IOException;
import java.nio.file.Path;
import org.llminspector.base.Json;
import org.llminspector.base.Names;

/**
 * Check that the second half of every merge begins with the model's {@code continuing_subword_prefix}. The library
 * assumes it does and removes that number of bytes, even in the middle of a character.
 */
public final class BpePrefixCheck {

    private BpePrefixCheck() {}

    static void check(Path file, byte[] json, String prefix) throws IOException {
        try (JsonParser p = Json.mapper().createParser(json)) {
            if (!enter(p, "model") || !enter(p, "merges") || !p.isExpectedStartArrayToken()) return;
            while (p.nextToken() != null && p.currentToken() != JsonToken.END_ARRAY) {
                String right = right(p, prefix);
                if (right != null && right.startsWith(prefix)) continue;
                throw TokenizerFile.damaged(
                        file,
                        "a merge with " + (right == null ? "no second half" : Names.shown(right))
                                + ", which does not begin with the continuing_subword_prefix " + Names.shown(prefix));
            }
        }
    }

    /** Moves to the value of a field of the current object; false where it has none. */
    private static boolean enter(JsonParser p, String field) throws IOException {
        if (p.currentToken() == null) p.nextToken();
        if (!p.isExpectedStartObjectToken()) return false;
        while (p.nextToken() == JsonToken.FIELD_NAME) {
            boolean found = p.currentName().equals(field);
            p.nextToken();
            if (found) return true;
            p.skipChildren();
        }
        return false;
    }

    /** The second half of "a b" or of ["a", "b"]; the first line of files of 2020 is a version, not a merge. */
    private static String right(JsonParser p, String prefix) throws IOException {
        if (!p.isExpectedStartArrayToken()) {
            String line = p.getValueAsString("");
            if (line.startsWith("#version")) return prefix;
            int space = line.indexOf(' ');
            return space < 0 ? null : line.substring(space + 1);
        }
        p.nextToken();
        p.skipChildren();
        String right = p.nextTextValue();
        while (p.currentToken() != JsonToken.END_ARRAY && p.nextToken() != null) p.skipChildren();
        return right;
    }
}
