package org.llminspector.tokenize;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.ArrayList;
import java.util.List;

/**
 * TokenizerRules say how a tokenizer makes tokens, as its file has it.
 *
 * @param vocabulary one more than the highest id
 * @param byteLevel whether each character of a piece stands for one byte, as in GPT-2
 * @param byteFallback whether a character that no piece has becomes its bytes, a token each ({@code <0xE2>})
 * @param normalizer what is done to the whole text first, by the names of Hugging Face's tokenizers
 * @param preTokenizer what cuts the text into parts that no token crosses; empty: the text stays one part
 */
public record TokenizerRules(
        Algorithm algorithm,
        int vocabulary,
        boolean byteLevel,
        boolean byteFallback,
        List<String> normalizer,
        List<String> preTokenizer) {

    /** Algorithm is how the symbols of a part become tokens. */
    public enum Algorithm {
        /** Neighbours are joined, pair after pair, in the order in which the pairs were learnt (Sennrich et al. 2016). */
        BPE,
        /** Of all ways to cut the part, the likeliest: each piece has a log probability (Kudo 2018). */
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

    /** The names of a part's steps, those of a Sequence one after the other; nothing for no part. */
    static List<String> steps(JsonNode part, String children) {
        List<String> names = new ArrayList<>();
        for (JsonNode step : Layout.steps(part, children))
            names.add(step.path("type").asText());
        return names;
    }
}
