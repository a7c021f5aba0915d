package org.llminspector.tokenize;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonFactoryBuilder;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.JsonToken;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectReader;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.BitSet;
import java.util.HashMap;
import java.util.Map;
import java.util.function.Supplier;
import org.llminspector.base.Json;
import org.llminspector.base.Problem;

/**
 * TokenizerFile is what tokenizer.json says of each id: its piece, whether it is special, and what bytes it means.
 * The merges, most of the file, are left to Hugging Face's library.
 */
final class TokenizerFile {

    /** Largest file that is read, bytes; the largest known (Gemma 3) has 33 MB. */
    static final long MAX_BYTES = 256L << 20;

    /** Highest id that is believed; the largest known vocabulary has 262,208. */
    private static final int MAX_ID = 1 << 23;

    /** Does not remember field names: a vocabulary has a quarter of a million, and each once. */
    private static final JsonFactory FACTORY = new JsonFactoryBuilder()
            .disable(JsonFactory.Feature.CANONICALIZE_FIELD_NAMES)
            .disable(JsonFactory.Feature.INTERN_FIELD_NAMES)
            .build();

    private static final ObjectReader PARTS =
            Json.mapper().reader().without(DeserializationFeature.FAIL_ON_TRAILING_TOKENS);

    private final Source source;
    private final Path file;
    private final byte[] json;
    private final Map<String, Integer> ids = new HashMap<>();
    private final BitSet special = new BitSet();
    private final BitSet added = new BitSet();
    private String[] pieces = new String[1024];
    private int size;
    private JsonNode decoder;
    private JsonNode preTokenizer;
    private boolean byteFallback;

    private TokenizerFile(Source source, byte[] json) {
        this.source = source;
        this.file = source.path();
        this.json = json;
    }

    /** Reads the file; a damaged one is a Problem. */
    static TokenizerFile read(Path file) {
        return parse(new Source(file, () -> bytesOf(file)));
    }

    static TokenizerFile parse(Source source) {
        Path file = source.path();
        TokenizerFile result = new TokenizerFile(source, source.json().get());
        try {
            result.parse();
        } catch (JsonProcessingException e) {
            throw damaged(file, e.getOriginalMessage()).causedBy(e);
        } catch (IOException e) {
            throw damaged(file, e.getMessage()).causedBy(e);
        }
        if (result.size == 0) throw damaged(file, "no vocabulary");
        return result;
    }

    static Problem damaged(Path file, Object found) {
        return Problem.invalid("the tokenizer file is damaged")
                .where(file)
                .expected("a tokenizer.json as Hugging Face's tokenizers library writes it")
                .found(found);
    }

    /**
     * Source reads a tokenizer.json again, or makes it again of a GGUF file, since most who open one never ask for its merges.
     *
     * @param path where it is, for messages
     */
    record Source(Path path, Supplier<byte[]> json) {}

    Source source() {
        return source;
    }

    byte[] bytes() {
        return json;
    }

    InputStream json() {
        return new ByteArrayInputStream(json);
    }

    Layout layout() {
        return Layout.of(decoder, preTokenizer, byteFallback);
    }

    /** The pieces by id, null where an id is not taken; as long as the highest id and one. */
    String[] pieces() {
        return Arrays.copyOf(pieces, size);
    }

    BitSet special() {
        return special;
    }

    /** What is cut out of a text before it is split. */
    BitSet added() {
        return added;
    }

    /** The id of a piece, or null. */
    Integer id(String piece) {
        return ids.get(piece);
    }

    private static byte[] bytesOf(Path file) {
        try {
            long bytes = Files.size(file);
            if (bytes > MAX_BYTES) {
                throw Problem.tooLarge("the tokenizer file is too large")
                        .where(file)
                        .expected("at most " + MAX_BYTES + " bytes")
                        .found(bytes + " bytes");
            }
            return Files.readAllBytes(file);
        } catch (IOException e) {
            throw Problem.invalid("the file cannot be read")
                    .where(file)
                    .found(e.getMessage())
                    .causedBy(e);
        }
    }

    private void parse() throws IOException {
        try (JsonParser p = FACTORY.createParser(json)) {
            if (p.nextToken() != JsonToken.START_OBJECT) throw damaged(file, "no JSON object");
            JsonNode added = null;
            while (p.nextToken() == JsonToken.FIELD_NAME) {
                String field = p.currentName();
                p.nextToken();
                switch (field) {
                    case "model" -> model(p);
                    case "added_tokens" -> added = PARTS.readTree(p);
                    case "decoder" -> decoder = PARTS.readTree(p);
                    case "pre_tokenizer" -> preTokenizer = PARTS.readTree(p);
                    default -> p.skipChildren();
                }
            }
            // Last, since an added token may name a piece of the model's own vocabulary.
            if (added != null) for (JsonNode token : added) added(token);
        }
    }

    private void model(JsonParser p) throws IOException {
        if (!p.isExpectedStartObjectToken()) throw damaged(file, "\"model\" is not an object");
        while (p.nextToken() == JsonToken.FIELD_NAME) {
            String field = p.currentName();
            p.nextToken();
            switch (field) {
                case "vocab" -> vocabulary(p);
                case "byte_fallback" -> byteFallback = p.currentToken() == JsonToken.VALUE_TRUE;
                default -> p.skipChildren();
            }
        }
    }

    /** Either {"piece": id} (BPE, WordLevel, WordPiece) or [["piece", score]] (Unigram). */
    private void vocabulary(JsonParser p) throws IOException {
        if (p.isExpectedStartObjectToken()) {
            while (p.nextToken() == JsonToken.FIELD_NAME) {
                String piece = p.currentName();
                if (p.nextToken() != JsonToken.VALUE_NUMBER_INT) throw damaged(file, "no id for \"" + piece + '"');
                put(p.getLongValue(), piece);
            }
        } else if (p.isExpectedStartArrayToken()) {
            for (int id = 0; p.nextToken() == JsonToken.START_ARRAY; id++) {
                put(id, p.nextTextValue());
                while (p.nextToken() != JsonToken.END_ARRAY) p.skipChildren();
            }
        } else {
            throw damaged(file, "\"vocab\" is neither an object nor an array");
        }
    }

    private void added(JsonNode token) {
        if (!token.path("id").canConvertToInt()) throw damaged(file, "an added token without an id");
        put(token.get("id").asLong(), token.path("content").textValue());
        added.set(token.get("id").asInt());
        special.set(token.get("id").asInt(), token.path("special").asBoolean());
    }

    private void put(long id, String piece) {
        if (id < 0 || id >= MAX_ID || piece == null) throw damaged(file, "id " + id + " for the piece " + piece);
        if (id >= pieces.length) pieces = Arrays.copyOf(pieces, Math.max((int) id + 1, pieces.length * 2));
        size = Math.max(size, (int) id + 1);
        pieces[(int) id] = piece;
        ids.put(piece, (int) id);
    }
}
