package org.llminspector.tokenize;

import ai.djl.huggingface.tokenizers.Encoding;
import ai.djl.huggingface.tokenizers.jni.CharSpan;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.IntFunction;
import org.llminspector.tokenize.file.TokenizerRules;

/**
 * A whole text as one tokenizer splits it, in columns, since a long text repeats its pieces.
 *
 * @param rules how this tokenizer works
 * @param ids of the tokens, in order
 * @param starts where each begins in the text (UTF-16 index), -1 for one that the tokenizer added
 * @param ends one past the last character, or -1
 * @param pieces each distinct token once
 * @param groups neighbouring tokens that share a character, in order
 */
public record Tokenization(
        TokenizerRules rules, int[] ids, int[] starts, int[] ends, List<Piece> pieces, List<Group> groups) {

    /** The kind of a vocabulary entry. */
    public enum Kind {
        /** Characters, or bytes of characters, learned from the tokenizer's training text. */
        PIECE,
        /** One byte of a character that no piece contains ({@code <0xE2>}): byte fallback. */
        BYTE,
        /** A control token such as BOS, which ordinary text is never split into. */
        CONTROL,
        /** The unknown token. */
        UNKNOWN
    }

    /**
     * One entry of the vocabulary.
     *
     * @param piece its name there: {@code Ġthe}, {@code ▁the}
     * @param text its readable text: {@code " the"}; bytes that are no whole character as {@code <0xE2>}
     * @param bytes its UTF-8 bytes, 0 to 255
     */
    public record Piece(int id, String piece, String text, List<Integer> bytes, Kind kind) {}

    /**
     * A run of tokens that share characters: an emoji of four bytes may be four tokens.
     *
     * @param start its first token
     * @param end one past its last token
     * @param text the characters that they form together
     */
    public record Group(int start, int end, String text) {}

    /** Of a model's tokenizer. @param addSpecialTokens as in {@link Tokenizer#encode} */
    public static Tokenization of(Tokenizer tokenizer, String text, boolean addSpecialTokens) {
        String whole = Tokenizer.withoutLoneSurrogates(text);
        Encoding encoding = tokenizer.encoded(whole, addSpecialTokens);
        int[] utf16 = Tokenizer.utf16OfCodePoint(whole);
        long[] found = encoding.getIds();
        CharSpan[] spans = encoding.getCharTokenSpans();
        int[] ids = new int[found.length];
        int[] starts = new int[ids.length];
        int[] ends = new int[ids.length];
        for (int i = 0; i < ids.length; i++) {
            ids[i] = (int) found[i];
            starts[i] = spans[i] == null ? -1 : utf16[spans[i].getStart()];
            ends[i] = spans[i] == null ? -1 : utf16[spans[i].getEnd()];
        }
        return of(whole, tokenizer.rules(), ids, starts, ends, tokenizer::piece);
    }

    /** Of one of {@link Encodings#names}. */
    public static Tokenization of(String encoding, String text) {
        String whole = Tokenizer.withoutLoneSurrogates(text);
        Encodings.Named named = Encodings.named(encoding);
        int[] ids = named.ids(whole);
        int[] starts = new int[ids.length];
        int[] ends = new int[ids.length];
        ByteOffsets offsets = new ByteOffsets(whole);
        for (int i = 0; i < ids.length; i++) {
            starts[i] = offsets.start();
            ends[i] = offsets.advance(named.bytes(ids[i]).length);
        }
        return of(whole, named.rules(), ids, starts, ends, named::piece);
    }

    private static Tokenization of(
            String text, TokenizerRules rules, int[] ids, int[] starts, int[] ends, IntFunction<Piece> pieceOf) {
        Map<Integer, Piece> pieces = new LinkedHashMap<>();
        for (int id : ids) pieces.computeIfAbsent(id, pieceOf::apply);
        return new Tokenization(
                rules, ids, starts, ends, List.copyOf(pieces.values()), groups(text, ids.length, starts, ends));
    }

    /** Two tokens share a character when the second begins before the first has ended. */
    private static List<Group> groups(String text, int tokens, int[] starts, int[] ends) {
        List<Group> groups = new ArrayList<>();
        for (int i = 0; i < tokens; ) {
            int last = i;
            while (last + 1 < tokens && starts[last + 1] >= 0 && starts[last + 1] < ends[last]) last++;
            if (last > i) groups.add(new Group(i, last + 1, text.substring(starts[i], ends[last])));
            i = last + 1;
        }
        return groups;
    }

    /** A text's UTF-8 bytes; a lone surrogate counts as U+FFFD. */
    public static int bytes(String text) {
        return Tokenizer.withoutLoneSurrogates(text).getBytes(StandardCharsets.UTF_8).length;
    }
}
