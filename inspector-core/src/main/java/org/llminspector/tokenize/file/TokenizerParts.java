package org.llminspector.tokenize.file;

import com.fasterxml.jackson.databind.JsonNode;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.llminspector.base.Names;
import org.llminspector.base.Problem;

/**
 * Validation of the parts of a tokenizer.json against their known values, before Hugging Face's library reads them: on
 * unexpected values the library ends the process instead of reporting an error.
 */
public final class TokenizerParts {

    private static final int MAX_STEPS = 64;
    private static final int MAX_TEXT = 256;
    /** Most characters that one character of a text may become. */
    private static final int MAX_GROWTH = 128;

    private static final List<String> NORMALIZERS = List.of(
            "BertNormalizer",
            "ByteLevel",
            "Lowercase",
            "NFC",
            "NFD",
            "NFKC",
            "NFKD",
            "Nmt",
            "Precompiled",
            "Prepend",
            "Replace",
            "Strip",
            "StripAccents");
    private static final List<String> PRE_TOKENIZERS = List.of(
            "BertPreTokenizer",
            "ByteLevel",
            "CharDelimiterSplit",
            "Digits",
            "FixedLength",
            "Metaspace",
            "Punctuation",
            "Split",
            "UnicodeScripts",
            "Whitespace",
            "WhitespaceSplit");
    private static final List<String> POST_PROCESSORS =
            List.of("BertProcessing", "ByteLevel", "RobertaProcessing", "TemplateProcessing");
    private static final List<String> DECODERS = List.of(
            "BPEDecoder", "ByteFallback", "ByteLevel", "CTC", "Fuse", "Metaspace", "Replace", "Strip", "WordPiece");

    /** The field that contains a Sequence's steps; its keys are the parts that have steps. */
    private static final Map<String, String> CHILDREN = Map.of(
            "normalizer", "normalizers",
            "pre_tokenizer", "pretokenizers",
            "post_processor", "processors",
            "decoder", "decoders");

    private static final Map<String, List<String>> KNOWN = Map.of(
            "normalizer", NORMALIZERS,
            "pre_tokenizer", PRE_TOKENIZERS,
            "post_processor", POST_PROCESSORS,
            "decoder", DECODERS);

    private final Path file;
    private final boolean trusted;
    private final String part;
    private int steps;
    private long growth = 1;

    private TokenizerParts(Path file, boolean trusted, String part) {
        this.file = file;
        this.trusted = trusted;
        this.part = part;
    }

    static boolean has(String field) {
        return KNOWN.containsKey(field);
    }

    /**
     * Throws a Problem for the first unsafe step.
     *
     * @param trusted accepts regular expressions not proven to take linear time
     * @param part the file's field: normalizer, pre_tokenizer, post_processor or decoder
     */
    static void check(Path file, boolean trusted, String part, JsonNode node) {
        if (node != null && !node.isNull()) new TokenizerParts(file, trusted, part).step(node, 0);
    }

    private Problem refused(String field, String expected, Object found) {
        return Problem.unsupported("a part of the tokenizer is not one that is known to be harmless")
                .where(file + ", " + part + "." + field)
                .expected(expected)
                .found(found)
                .instead("take the tokenizer from the model's original source");
    }

    private void step(JsonNode step, int depth) {
        String type = step.path("type").asText();
        if (++steps > MAX_STEPS || depth > 8) throw refused("type", "at most " + MAX_STEPS + " steps", "more");
        if (type.equals("Sequence")) {
            for (JsonNode child : step.path(CHILDREN.get(part))) step(child, depth + 1);
            return;
        }
        if (!KNOWN.get(part).contains(type)) {
            throw refused("type", "Sequence, " + String.join(", ", KNOWN.get(part)), Names.shown(type));
        }
        switch (type) {
            case "Precompiled" -> charsMap(step.path("precompiled_charsmap").asText());
            case "Prepend" -> text(step, "prepend");
            case "Replace" -> {
                int length = pattern(step);
                int content = text(step, "content");
                grow((content + length - 1) / length);
            }
            case "Split" -> pattern(step);
            case "FixedLength" -> number(step, "length", 1);
            case "TemplateProcessing" -> template(step);
            case "Strip" -> {
                if (part.equals("decoder")) strip(step);
            }
            case "WordPiece", "BPEDecoder", "CTC" -> {
                for (String field : List.of("prefix", "suffix", "pad_token", "word_delimiter_token")) text(step, field);
            }
            default -> {}
        }
    }

    private void grow(long factor) {
        growth *= Math.max(1, factor);
        if (growth > MAX_GROWTH) {
            throw refused("content", "replacements that let a text grow by at most " + MAX_GROWTH, growth + " times");
        }
    }

    private void charsMap(String base64) {
        int longest = CharsMapCheck.longest(base64);
        if (longest < 0) {
            throw refused(
                    "precompiled_charsmap",
                    "a double array and its texts, as SentencePiece writes them",
                    Names.shown(base64));
        }
        grow(longest);
    }

    private int text(JsonNode step, String field) {
        int length = step.path(field).asText().length();
        if (length > MAX_TEXT) throw refused(field, "at most " + MAX_TEXT + " characters", length);
        return length;
    }

    private void number(JsonNode step, String field, int least) {
        JsonNode value = step.path(field);
        if (value.isMissingNode() || (value.canConvertToInt() && value.asInt() >= least)) return;
        throw refused(field, "a whole number of at least " + least, value);
    }

    /** The fewest characters that it matches. */
    private int pattern(JsonNode step) {
        JsonNode pattern = step.path("pattern");
        if (pattern.has("String")) {
            int length = pattern.path("String").asText().length();
            if (length < 1 || length > MAX_TEXT) {
                throw refused("pattern.String", "1 to " + MAX_TEXT + " characters", length);
            }
            return length;
        }
        String regex = pattern.path("Regex").asText();
        String doubt = SafePattern.whyUnproven(regex);
        if (doubt == null || (trusted && !regex.isEmpty())) return 1;
        throw refused(
                        "pattern.Regex",
                        "an expression of which it can be shown that its time grows with the text's length only",
                        Names.shown(regex) + ": " + doubt)
                .instead("start with --trust if you know where this tokenizer comes from");
    }

    /** Stripping at the end panics in the library on shorter tokens. */
    private void strip(JsonNode step) {
        JsonNode stop = step.path("stop");
        if (stop.canConvertToInt() && stop.asInt() == 0) return;
        throw refused("stop", "0", stop);
    }

    private void template(JsonNode step) {
        JsonNode special = step.path("special_tokens");
        for (JsonNode token : special) {
            if (token.path("ids").size() > MAX_STEPS
                    || token.path("ids").size() != token.path("tokens").size()) {
                throw refused("special_tokens", "as many ids as tokens, at most " + MAX_STEPS, token);
            }
        }
        template(step, "single", special, 1, 0);
        template(step, "pair", special, 1, 1);
    }

    private void template(JsonNode step, String field, JsonNode special, int a, int b) {
        JsonNode pieces = step.path(field);
        int foundA = 0;
        int foundB = 0;
        for (JsonNode piece : pieces) {
            String sequence = piece.path("Sequence").path("id").asText();
            if (sequence.equals("A")) foundA++;
            if (sequence.equals("B")) foundB++;
            JsonNode token = piece.path("SpecialToken").path("id");
            if (token.isTextual() && !special.has(token.asText())) {
                throw refused(field, "tokens that special_tokens has", Names.shown(token.asText()));
            }
        }
        if (foundA == a && foundB == b && pieces.size() <= MAX_STEPS) return;
        throw refused(
                field,
                b == 0 ? "sequence A once, and B never" : "sequences A and B, each once",
                "A " + foundA + ", B " + foundB + " times in " + pieces.size() + " pieces");
    }
}
