package org.llminspector.tokenize;

import java.util.ArrayList;
import java.util.List;
import org.llminspector.base.Problem;

/**
 * Trace of byte-pair encoding: the pre-tokenized pieces of a text, each piece's initial symbols, and every merge in
 * order (Sennrich et al. 2016, arXiv 1508.07909).
 *
 * <p>Pieces and initial symbols are Hugging Face's own: its library runs the same file without its merges. The result
 * is compared with {@link Tokenizer#encode}, so that a trace can be missing but not wrong.
 */
public record MergeTrace(List<Piece> pieces) {

    /** Longest text that is traced, UTF-16 characters; one piece may be the whole text. */
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

    /** The same for one of {@link Encodings#names}: a merge's rank is the id of its result. */
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

    /** How a piece became tokens. */
    public enum Kind {
        /** By merges, possibly none. */
        MERGED,
        /** It is in the vocabulary as a whole, which the tokenizer checks first ({@code ignore_merges}). */
        WHOLE,
        /** It is an added token such as {@code <s>}, split off the text first. */
        ADDED
    }

    /**
     * A part of the text that is tokenized on its own.
     *
     * @param text its characters in the original text; empty when it has none, such as a prepended space
     * @param start first character (UTF-16 index)
     * @param end one past the last character
     * @param symbols initial symbols: characters or bytes; for {@link Kind#WHOLE} the ones not used
     * @param merges in the order of application
     * @param tokens the result
     */
    public record Piece(
            String text, int start, int end, Kind kind, List<Symbol> symbols, List<Merge> merges, List<Token> tokens) {
        public Piece {
            symbols = List.copyOf(symbols);
            merges = List.copyOf(merges);
            tokens = List.copyOf(tokens);
        }

        /** The symbols after {@code count} merges: 0 gives {@link #symbols}, all of them the tokens. */
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
     * A token of the vocabulary, possibly intermediate.
     *
     * @param piece its name in the vocabulary: {@code Ġthe}
     * @param text its readable text: {@code " the"}; bytes that are no whole character as {@code <0xE2>}
     */
    public record Symbol(int id, String piece, String text) {}

    /**
     * One merge of two neighbours.
     *
     * @param at index of the left symbol at this moment
     * @param rank of the merge, its line in tokenizer.json: the lowest was learned first and is applied first
     */
    public record Merge(int at, int rank, Symbol left, Symbol right, Symbol result) {}
}
