package org.llminspector.tokenize;

import ai.djl.huggingface.tokenizers.Encoding;
import ai.djl.huggingface.tokenizers.jni.CharSpan;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.SortedMap;
import java.util.TreeMap;
import org.llminspector.tokenize.MergeTrace.Kind;
import org.llminspector.tokenize.MergeTrace.Merge;
import org.llminspector.tokenize.MergeTrace.Piece;
import org.llminspector.tokenize.MergeTrace.Symbol;

/** Tracer that aligns two encodings of a text, without and with merges, and derives the merges between them. */
final class MergeTracer {

    private final Tokenizer tokenizer;
    private final MergeRules rules;

    MergeTracer(Tokenizer tokenizer) {
        this.tokenizer = tokenizer;
        this.rules = tokenizer.mergeRules();
    }

    MergeTrace trace(String text) {
        if (text.length() > MergeTrace.MAX_CHARACTERS) throw MergeTrace.tooLong(text);
        String whole = Tokenizer.withoutLoneSurrogates(text);
        Encoding start = tokenizer.encodeUnmerged(whole);
        Encoding end = tokenizer.encoded(whole, false);
        List<Token> tokens = tokenizer.tokens(whole, end);
        SortedMap<Long, List<Integer>> ends = byPiece(end.getWordIds());
        int[] utf16 = Tokenizer.utf16OfCodePoint(whole);
        List<Piece> pieces = new ArrayList<>();
        byPiece(start.getWordIds()).forEach((piece, at) -> {
            int from = Integer.MAX_VALUE;
            int to = 0;
            for (int i : at) {
                CharSpan span = start.getCharTokenSpans()[i];
                from = Math.min(from, utf16[span.getStart()]);
                to = Math.max(to, utf16[span.getEnd()]);
            }
            int[] ids = at.stream().mapToInt(i -> (int) start.getIds()[i]).toArray();
            List<Token> made = ends.getOrDefault(piece, List.of()).stream()
                    .map(tokens::get)
                    .toList();
            pieces.add(piece(whole.substring(Math.min(from, to), to), Math.min(from, to), to, ids, made));
        });
        MergeTrace trace = new MergeTrace(pieces);
        if (!trace.tokens().equals(tokens)) throw differs(text);
        return trace;
    }

    private Piece piece(String text, int start, int end, int[] ids, List<Token> tokens) {
        List<Symbol> symbols = Arrays.stream(ids).mapToObj(tokenizer::symbol).toList();
        if (ids.length == 1 && tokenizer.isAdded(ids[0]) && !(rules.unk() != null && rules.unk() == ids[0])) {
            return new Piece(text, start, end, Kind.ADDED, symbols, List.of(), tokens);
        }
        if (rules.ignoreMerges() && tokens.size() == 1 && ids.length > 1) {
            return new Piece(text, start, end, Kind.WHOLE, symbols, List.of(), tokens);
        }
        List<Merge> merges = new ArrayList<>();
        int[] merged = Merger.merge(
                rules,
                ids,
                (at, left, right, rule) -> merges.add(new Merge(
                        at,
                        rule.rank(),
                        tokenizer.symbol(left),
                        tokenizer.symbol(right),
                        tokenizer.symbol(rule.result()))));
        int[] expected = tokens.stream().mapToInt(Token::id).toArray();
        if (!Arrays.equals(merged, expected)) throw differs(text);
        return new Piece(text, start, end, Kind.MERGED, symbols, merges, tokens);
    }

    /** The token indices of each piece, which the library numbers as its "words". */
    static SortedMap<Long, List<Integer>> byPiece(long[] words) {
        SortedMap<Long, List<Integer>> pieces = new TreeMap<>();
        for (int i = 0; i < words.length; i++) {
            pieces.computeIfAbsent(words[i], w -> new ArrayList<>()).add(i);
        }
        return pieces;
    }

    static IllegalStateException differs(String text) {
        return new IllegalStateException("the merges of a text do not end in its tokens: " + text);
    }
}
