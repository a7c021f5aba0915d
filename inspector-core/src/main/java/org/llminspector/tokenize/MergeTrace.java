package org.llminspector.tokenize;

import java.util.ArrayList;
import java.util.List;
import org.llminspector.base.Problem;

/**
 * MergeTrace shows how byte-pair encoding makes tokens: the text in pieces that no merge crosses, the symbols that
 * each piece starts from, and every merge in its order (Sennrich et al. 2016, arXiv 1508.07909).
 *
 * <p>Pieces and first symbols are Hugging Face's own: its library runs the same file without its merges. The end is
 * compared with {@link Tokenizer#encode}, so that a trace can be missing but not wrong.
 */
public record MergeTrace(List<Piece> pieces) {

    /** Longest text that is traced, UTF-16 characters; a person looks at less, and a piece may be the whole text. */
    public static final int MAX_CHARACTERS = 20_000;

    public MergeTrace {
        pieces = List.copyOf(pieces);
    }

    /**
     * Traces a text, without the special tokens that the tokenizer may add around it.
     *
     * <p>A tokenizer that is not BPE, or a text that is longer than {@link #MAX_CHARACTERS}, is a Problem.
     */
    public static MergeTrace of(Tokenizer tokenizer, String text) {
        return new MergeTracer(tokenizer).trace(text);
    }

    /** The same for one of {@link Encodings#names}: a merge's rank is the id of what it makes. */
    public static MergeTrace of(String encoding, String text) {
        return EncodingTracer.trace(Encodings.named(encoding), text);
    }

    static Problem tooLong(String text) {
        return Problem.tooLarge("the text is too long to trace how it is split")
                .where("text")
                .expected("at most " + MAX_CHARACTERS + " characters")
                .found(text.length() + " characters")
                .instead("trace a part of it");
    }

    /** The tokens of the whole text. */
    public List<Token> tokens() {
        return pieces.stream().flatMap(p -> p.tokens().stream()).toList();
    }

    /** Kind is how a piece became tokens. */
    public enum Kind {
        /** By its merges, if there were any. */
        MERGED,
        /** It is in the vocabulary as a whole, and the tokenizer looks there first ({@code ignore_merges}). */
        WHOLE,
        /** It is an added token such as {@code <s>}, cut out of the text before all else. */
        ADDED
    }

    /**
     * Piece is a part of the text that is tokenized on its own.
     *
     * @param text its characters in the original text; empty when it has none, such as a space that is put in front
     * @param start first character (UTF-16 index)
     * @param end one past the last character
     * @param symbols what it starts from: characters, or bytes; for {@link Kind#WHOLE} those that were not needed
     * @param merges in the order in which they happen
     * @param tokens what it ends in
     */
    public record Piece(
            String text, int start, int end, Kind kind, List<Symbol> symbols, List<Merge> merges, List<Token> tokens) {
        public Piece {
            symbols = List.copyOf(symbols);
            merges = List.copyOf(merges);
            tokens = List.copyOf(tokens);
        }

        /** The symbols after so many merges: 0 gives {@link #symbols}, all of them the tokens. */
        public List<Symbol> after(int count) {
            List<Symbol> now = new ArrayList<>(symbols);
            for (Merge m : merges.subList(0, count)) {
                now.set(m.at(), m.result());
                now.remove(m.at() + 1);
            }
            return now;
        }
    }

    /**
     * Symbol is a token of the vocabulary on its way.
     *
     * @param piece its name in the vocabulary: {@code Ġthe}
     * @param text what it reads as: {@code " the"}; bytes that are no whole character as {@code <0xE2>}
     */
    public record Symbol(int id, String piece, String text) {}

    /**
     * Merge joins two neighbours.
     *
     * @param at which symbol, counted at this moment, is joined with the one after it
     * @param rank of the merge, its line in tokenizer.json: the lowest is the one learnt first, and goes first
     */
    public record Merge(int at, int rank, Symbol left, Symbol right, Symbol result) {}
}
