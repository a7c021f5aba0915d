package org.llminspector.tokenize.file;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.ArrayList;
import java.util.List;

/**
 * A tokenizer's algorithm and settings, from its file.
 *
 * @param vocabulary one more than the highest id
 * @param byteLevel whether each character of a piece stands for one byte, as in GPT-2
 * @param byteFallback whether a character that no piece contains becomes its bytes, one token each ({@code <0xE2>})
 * @param normalizer steps applied to the whole text first, by the names of Hugging Face's tokenizers
 * @param preTokenizer steps that split the text into parts that no token crosses; empty: the text stays one part
 */
public record TokenizerRules(
        Algorithm algorithm,
        int vocabulary,
        boolean byteLevel,
        boolean byteFallback,
        List<String> normalizer,
        List<String> preTokenizer) {

    /** How the symbols of a part become tokens. */
    public enum Algorithm {
        /**
         * Neighbours are merged, pair after pair, in the order in which the pairs were learned (Sennrich et al. 2016).
         */
        BPE,
        /** The most probable segmentation: each piece has a log probability (Kudo 2018). */
        UNIGRAM,
        /** The longest piece that fits, from the left. */
        WORD_PIECE,
        /** Each part is one token, or unknown. */
        WORD_LEVEL;

        static Algorithm named(String type) {
            return switch (type) {
                case "Unigram" -> UNIGRAM;
                case "WordPiece" -> WORD_PIECE;
                case "WordLevel" -> WORD_LEVEL;
                default -> BPE;
            };
        }
    }

    public TokenizerRules {
        normalizer = List.copyOf(normalizer);
        preTokenizer = List.copyOf(preTokenizer);
    }

    /** The names of a part's steps, those of a Sequence flattened; empty without the part. */
    static List<String> steps(JsonNode part, String children) {
        List<String> names = new ArrayList<>();
        for (JsonNode step : Layout.steps(part, children))
            names.add(step.path("type").asText());
        return names;
    }
}
