package org.llminspector.tokenize.file;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import java.util.stream.IntStream;

/**
 * Encoding of bytes in a tokenizer's vocabulary, read from the {@code decoder} of tokenizer.json (and, where it does
 * not say, from {@code pre_tokenizer} and {@code model.byte_fallback}).
 *
 * @param byteLevel each character of a piece stands for one byte, as in GPT-2
 * @param byteFallback {@code <0x0A>} stands for the byte 10
 * @param replacements strings in pieces and their meanings, in order: {@code ▁} is a space
 * @param prefix begins a piece that continues a word (WordPiece's {@code ##}), or empty
 * @param suffix ends a piece that ends a word (GPT's {@code </w>}), or empty
 * @param strip number of leading spaces removed from a decoded text
 * @param dropInFirst whether the first token loses all its spaces (Metaspace)
 * @param exact whether a decoded text is its tokens' bytes, apart from strip and dropInFirst
 */
public record Layout(
        boolean byteLevel,
        boolean byteFallback,
        List<Map.Entry<String, String>> replacements,
        String prefix,
        String suffix,
        int strip,
        boolean dropInFirst,
        boolean exact) {

    private static final Map<Integer, Integer> BYTE_OF_CHAR = byteOfChar();

    /** Reads the parts of tokenizer.json; each may be null. */
    static Layout of(JsonNode decoder, JsonNode preTokenizer, boolean modelByteFallback) {
        Builder b = new Builder();
        if (decoder == null || decoder.isNull()) b.exact = false; // Hugging Face then puts spaces between the pieces
        for (JsonNode step : steps(decoder, "decoders")) b.decoder(step);
        for (JsonNode step : steps(preTokenizer, "pretokenizers")) b.preTokenizer(step);
        if (modelByteFallback && !b.byteFallback) {
            b.byteFallback = true;
            b.exact = false;
        }
        if (b.strip > 0 && !b.fused) b.exact = false;
        return new Layout(
                b.byteLevel, b.byteFallback, b.replacements, b.prefix, b.suffix, b.strip, b.dropInFirst, b.exact);
    }

    /** The bytes that a piece of the vocabulary stands for. */
    public byte[] bytes(String piece) {
        if (byteLevel) {
            byte[] bytes = fromByteLevel(piece);
            return bytes == null ? piece.getBytes(StandardCharsets.UTF_8) : bytes;
        }
        String text = piece;
        for (Map.Entry<String, String> r : replacements) text = text.replace(r.getKey(), r.getValue());
        if (byteFallback) {
            int value = fallbackByte(text);
            if (value >= 0) return new byte[] {(byte) value};
        }
        if (!prefix.isEmpty() && text.startsWith(prefix)) text = text.substring(prefix.length());
        if (!suffix.isEmpty() && text.endsWith(suffix)) {
            text = text.substring(0, text.length() - suffix.length()) + " ";
        }
        return text.getBytes(StandardCharsets.UTF_8);
    }

    /** Whether a piece names a byte: {@code <0x0A>}. */
    public boolean isByte(String piece) {
        return byteFallback && fallbackByte(piece) >= 0;
    }

    /** The value of {@code <0x0A>}, or -1. */
    private static int fallbackByte(String piece) {
        if (piece.length() != 6 || !piece.startsWith("<0x") || piece.charAt(5) != '>') return -1;
        int high = Character.digit(piece.charAt(3), 16);
        int low = Character.digit(piece.charAt(4), 16);
        return high < 0 || low < 0 ? -1 : high << 4 | low;
    }

    private static byte[] fromByteLevel(String piece) {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream(piece.length());
        for (int i = 0; i < piece.length(); i++) {
            Integer value = BYTE_OF_CHAR.get((int) piece.charAt(i));
            if (value == null) return null;
            bytes.write(value);
        }
        return bytes.toByteArray();
    }

    /**
     * GPT-2's {@code bytes_to_unicode}, inverted: printable Latin-1 maps to itself, the other 68 bytes to U+0100 and
     * up.
     */
    private static Map<Integer, Integer> byteOfChar() {
        List<Integer> others = new ArrayList<>();
        return IntStream.range(0, 256)
                .boxed()
                .collect(Collectors.toMap(
                        b -> {
                            boolean printable = (b >= '!' && b <= '~') || (b >= 0xA1 && b != 0xAD);
                            if (printable) return b;
                            others.add(b);
                            return 0xFF + others.size();
                        },
                        b -> b));
    }

    /** The 256 characters for the bytes, in byte order. */
    public static String byteCharacters() {
        char[] characters = new char[256];
        BYTE_OF_CHAR.forEach((character, b) -> characters[b] = (char) (int) character);
        return new String(characters);
    }

    static List<JsonNode> steps(JsonNode node, String children) {
        List<JsonNode> steps = new ArrayList<>();
        if (node == null || node.isNull()) return steps;
        if (node.path("type").asText().equals("Sequence")) {
            for (JsonNode child : node.path(children)) steps.addAll(steps(child, children));
        } else {
            steps.add(node);
        }
        return steps;
    }

    /** Builder of a layout, step by step. */
    private static final class Builder {
        private boolean byteLevel;
        private boolean byteFallback;
        private final List<Map.Entry<String, String>> replacements = new ArrayList<>();
        private String prefix = "";
        private String suffix = "";
        private int strip;
        private boolean fused;
        private boolean dropInFirst;
        private boolean exact = true;

        void decoder(JsonNode step) {
            if (strip > 0) exact = false; // only a last Strip is exact
            switch (step.path("type").asText()) {
                case "ByteLevel" -> byteLevel = true;
                case "ByteFallback" -> byteFallback = true;
                case "Fuse" -> fused = true;
                case "Replace" -> {
                    JsonNode string = step.path("pattern").path("String");
                    if (string.isTextual() && !string.asText().isEmpty() && !fused) {
                        replacements.add(
                                Map.entry(string.asText(), step.path("content").asText()));
                    } else {
                        exact = false;
                    }
                }
                case "Strip" -> {
                    strip = step.path("start").asInt();
                    if (step.path("stop").asInt() > 0
                            || !step.path("content").asText().equals(" ")) exact = false;
                }
                case "Metaspace" -> {
                    replacements.add(Map.entry(step.path("replacement").asText("\u2581"), " "));
                    boolean never = step.path("prepend_scheme").asText().equals("never")
                            || (!step.has("prepend_scheme")
                                    && !step.path("add_prefix_space").asBoolean(true));
                    dropInFirst |= !never;
                    if (fused || byteFallback) exact = false;
                }
                case "WordPiece" -> {
                    prefix = step.path("prefix").asText();
                    exact = false;
                }
                case "BPEDecoder" -> {
                    suffix = step.path("suffix").asText();
                    exact = false;
                }
                default -> exact = false;
            }
        }

        /** Completes the encoding from the pre-tokenizer where the decoder does not say it. */
        void preTokenizer(JsonNode step) {
            String type = step.path("type").asText();
            if (type.equals("ByteLevel") && !byteLevel) {
                byteLevel = true;
                exact = false;
            }
            if (type.equals("Metaspace") && replacements.isEmpty()) {
                replacements.add(Map.entry(step.path("replacement").asText("\u2581"), " "));
                exact = false;
            }
        }
    }
}
