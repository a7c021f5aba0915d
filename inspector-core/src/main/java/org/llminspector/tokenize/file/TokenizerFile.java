package org.llminspector.tokenize.file;

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
import java.nio.file.Path;
import java.util.Arrays;
import java.util.BitSet;
import java.util.HashMap;
import java.util.HashSet;
import java.util.Map;
import java.util.Set;
import java.util.function.Supplier;
import org.llminspector.base.Json;
import org.llminspector.base.Names;
import org.llminspector.base.Problem;
import org.llminspector.base.Reads;

/**
 * Parser and validator of tokenizer.json: each id's piece, whether it is special, and its bytes. The merges, most of
 * the file, are parsed by Hugging Face's library.
 */
public final class TokenizerFile {

    /** Largest file that is read, bytes; the largest known (Gemma 3) has 33 MB. */
    public static final long MAX_BYTES = 256L << 20;

    /** Highest accepted id; the largest known vocabulary has 262,208. */
    private static final int MAX_ID = 1 << 23;

    /** Added tokens are searched for in every text: far more or longer ones than in any known model take minutes. */
    private static final int MAX_ADDED = 16_384;

    private static final int MAX_ADDED_TEXT = 512;

    /**
     * Longest piece, in characters, of a Unigram vocabulary, which is tried at every offset; SentencePiece's default is
     * 16.
     */
    public static final int MAX_UNIGRAM = 64;

    /** Longest word, in characters, that WordPiece splits, in quadratic time; 100 in every model. */
    private static final int MAX_WORD = 200;

    /** Without a cache of field names: a vocabulary has a quarter of a million distinct ones. */
    private static final JsonFactory FACTORY = new JsonFactoryBuilder()
            .disable(JsonFactory.Feature.CANONICALIZE_FIELD_NAMES)
            .disable(JsonFactory.Feature.INTERN_FIELD_NAMES)
            .build();

    private static final ObjectReader PARTS = Json.mapper()
            .reader()
            .without(DeserializationFeature.FAIL_ON_TRAILING_TOKENS)
            .with(DeserializationFeature.FAIL_ON_READING_DUP_TREE_KEY);

    private final Source source;
    private final Path file;
    private final byte[] json;
    private final Map<String, Integer> ids = new HashMap<>();
    private final BitSet special = new BitSet();
    private final BitSet added = new BitSet();
    private String[] pieces = new String[1024];
    private int size;
    private JsonNode normalizer;
    private JsonNode decoder;
    private JsonNode preTokenizer;
    private boolean byteFallback;
    private String type = ""; // of the model
    private String unk; // its unknown piece, or null
    private int unkId = -1;
    private double[] scores = {}; // of a Unigram model, by id
    private String prefix = "";
    private String suffix = "";
    private int ofModel; // how many pieces the model itself has
    private int lastAdded = -1;
    private int addedText;

    private TokenizerFile(Source source, byte[] json) {
        this.source = source;
        this.file = source.path();
        this.json = json;
    }

    /** @param trusted accepts regular expressions not proven to take linear time */
    public static TokenizerFile read(Path file, boolean trusted) {
        return parse(new Source(file, trusted, () -> Reads.bytes(file, MAX_BYTES)));
    }

    public static TokenizerFile parse(Source source) {
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

    public static Problem damaged(Path file, Object found) {
        return Problem.invalid("the tokenizer file is damaged")
                .where(file)
                .expected("a tokenizer.json as Hugging Face's tokenizers library writes it")
                .found(found);
    }

    /**
     * A tokenizer.json that can be read again, or converted again from a GGUF file: merges are rarely requested, so
     * they are not kept.
     *
     * @param path its location, for messages
     * @param trusted whether the user trusts its source
     */
    public record Source(Path path, boolean trusted, Supplier<byte[]> json) {}

    public Source source() {
        return source;
    }

    public byte[] bytes() {
        return json;
    }

    public InputStream json() {
        return new ByteArrayInputStream(json);
    }

    public Layout layout() {
        return Layout.of(decoder, preTokenizer, byteFallback);
    }

    public TokenizerRules rules() {
        return new TokenizerRules(
                TokenizerRules.Algorithm.named(type),
                size,
                layout().byteLevel(),
                byteFallback,
                TokenizerRules.steps(normalizer, "normalizers"),
                TokenizerRules.steps(preTokenizer, "pretokenizers"));
    }

    /** The id of the unknown token, or -1. */
    public int unkId() {
        return unk == null ? unkId : ids.getOrDefault(unk, -1);
    }

    /** Natural logs of the pieces' probabilities by id; empty unless the model is Unigram. */
    public double[] scores() {
        return scores;
    }

    /** The pieces by id, null for unused ids; the length is the highest id plus one. */
    public String[] pieces() {
        return Arrays.copyOf(pieces, size);
    }

    public BitSet special() {
        return special;
    }

    /** The ids of added tokens, which are split off a text first. */
    public BitSet added() {
        return added;
    }

    /** The id of a piece, or null. */
    public Integer id(String piece) {
        return ids.get(piece);
    }

    private void parse() throws IOException {
        try (JsonParser p = FACTORY.createParser(json)) {
            if (p.nextToken() != JsonToken.START_OBJECT) throw damaged(file, "no JSON object");
            JsonNode added = null;
            Set<String> fields = new HashSet<>();
            while (p.nextToken() == JsonToken.FIELD_NAME) {
                String field = p.currentName();
                once(fields, field);
                p.nextToken();
                if (TokenizerParts.has(field)) {
                    part(field, PARTS.readTree(p));
                    continue;
                }
                switch (field) {
                    case "model" -> model(p);
                    case "added_tokens" -> added = PARTS.readTree(p);
                    default -> p.skipChildren();
                }
            }
            ofModel = ids.size();
            if (!prefix.isEmpty()) BpePrefixCheck.check(file, json, prefix);
            // Parsed last, since an added token may name a piece of the model's own vocabulary.
            if (added != null && added.size() > MAX_ADDED) {
                throw refused("added_tokens", "at most " + MAX_ADDED, added.size());
            }
            if (added != null) for (JsonNode token : added) added(token);
        }
    }

    /** Refuses duplicate fields, of which two parsers may take different ones. */
    private void once(Set<String> fields, String field) {
        if (!fields.add(field)) throw damaged(file, "the field " + Names.shown(field) + " twice");
    }

    private void part(String field, JsonNode part) {
        TokenizerParts.check(file, source.trusted(), field, part);
        if (field.equals("normalizer")) normalizer = part;
        if (field.equals("decoder")) decoder = part;
        if (field.equals("pre_tokenizer")) preTokenizer = part;
    }

    private Problem refused(String field, Object expected, Object found) {
        return Problem.unsupported(
                        "the tokenizer has what no published one has, and what would take too long or end the program")
                .where(file + ", " + field)
                .expected(expected)
                .found(found)
                .instead("take the tokenizer from the model's original source");
    }

    private void model(JsonParser p) throws IOException {
        if (!p.isExpectedStartObjectToken()) throw damaged(file, "\"model\" is not an object");
        Set<String> fields = new HashSet<>();
        while (p.nextToken() == JsonToken.FIELD_NAME) {
            String field = p.currentName();
            once(fields, field);
            p.nextToken();
            switch (field) {
                case "type" -> type = p.getValueAsString("");
                case "unk_token" -> unk = p.getValueAsString();
                case "unk_id" -> unkId = p.getValueAsInt(-1);
                case "vocab" -> vocabulary(p);
                case "byte_fallback" -> byteFallback = p.currentToken() == JsonToken.VALUE_TRUE;
                case "continuing_subword_prefix" -> prefix = affix(field, p);
                case "end_of_word_suffix" -> suffix = affix(field, p);
                case "max_input_chars_per_word" -> {
                    double most = p.getValueAsDouble(-1);
                    if (most < 1 || most > MAX_WORD) throw refused("model." + field, "1 to " + MAX_WORD, p.getText());
                }
                default -> p.skipChildren();
            }
        }
        if (byteFallback && !(prefix + suffix).isEmpty()) {
            throw refused("model.byte_fallback", "false where pieces have a prefix or a suffix", "true");
        }
    }

    /** The prefix or suffix of pieces, or empty. */
    private String affix(String field, JsonParser p) throws IOException {
        p.skipChildren();
        String text = p.getValueAsString("");
        if (text.length() > 16) throw refused("model." + field, "at most 16 characters", text.length());
        return text;
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
                String piece = p.nextTextValue();
                if (piece != null && piece.length() > MAX_UNIGRAM) {
                    throw refused("model.vocab", "pieces of at most " + MAX_UNIGRAM + " characters", piece.length());
                }
                put(id, piece);
                if (id >= scores.length) scores = Arrays.copyOf(scores, Math.max(1024, id * 2));
                boolean scored = false;
                while (p.nextToken() != JsonToken.END_ARRAY) {
                    if (!scored && p.currentToken().isNumeric()) scores[id] = p.getDoubleValue();
                    scored = true;
                    p.skipChildren();
                }
            }
            if (type.isEmpty()) type = "Unigram";
        } else {
            throw damaged(file, "\"vocab\" is neither an object nor an array");
        }
    }

    private void added(JsonNode token) {
        if (!token.path("id").canConvertToInt()) throw damaged(file, "an added token without an id");
        String content = token.path("content").textValue();
        if (content == null) throw damaged(file, "an added token without a content");
        if (content.isEmpty()) return; // the library ignores it
        addedText += content.length();
        if (content.length() > MAX_ADDED_TEXT || addedText > MAX_ADDED * 64) {
            throw refused("added_tokens", "at most " + MAX_ADDED_TEXT + " characters each", content.length());
        }
        int id = idOfAdded(content);
        put(id, content);
        lastAdded = Math.max(lastAdded, id);
        added.set(id);
        special.set(id, token.path("special").asBoolean());
    }

    /** The id in the file is ignored: the library uses the model's id for a known piece, else the next free one. */
    private int idOfAdded(String content) {
        Integer known = ids.get(content);
        return known != null ? known : Math.max(ofModel, lastAdded + 1);
    }

    private void put(long id, String piece) {
        if (id < 0 || id >= MAX_ID || piece == null) throw damaged(file, "id " + id + " for the piece " + piece);
        if (id >= pieces.length) pieces = Arrays.copyOf(pieces, Math.max((int) id + 1, pieces.length * 2));
        size = Math.max(size, (int) id + 1);
        pieces[(int) id] = piece;
        ids.put(piece, (int) id);
    }
}
