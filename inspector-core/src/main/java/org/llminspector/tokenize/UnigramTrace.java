package org.llminspector.tokenize;

import ai.djl.huggingface.tokenizers.Encoding;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.SortedMap;
import org.llminspector.tokenize.MergeTrace.Symbol;
import org.llminspector.tokenize.file.TokenizerFile;

/**
 * Trace of Unigram tokenization (Kudo 2018, arXiv 1804.10959): each piece has a log probability, and the segmentation
 * of a word with the largest sum is taken. The next best ones are included.
 */
public record UnigramTrace(List<Word> words) {

    /** How many segmentations of a word are listed. */
    private static final int WAYS = 5;

    /** Longest word that is segmented here, in code points: the table grows quadratically. */
    private static final int MAX_WORD = 400;

    /**
     * A part of the text that is tokenized on its own.
     *
     * @param text its characters in the vocabulary's spelling: {@code ▁the}
     * @param start first character in the text (UTF-16 index)
     * @param end one past the last character
     * @param ways the best first, which is the tokenizer's; only that one, without a score, where the word has
     *     characters that no piece contains, or is very long
     */
    public record Word(String text, int start, int end, List<Way> ways) {}

    /**
     * One segmentation of a word.
     *
     * @param score the sum of its pieces' log probabilities, or null
     */
    public record Way(List<Part> parts, Double score) {}

    /** @param score natural log of the piece's probability, or null */
    public record Part(Symbol symbol, Double score) {}

    /** Traces a text, without the special tokens that the tokenizer may add around it. Another algorithm is a Problem. */
    public static UnigramTrace of(Tokenizer tokenizer, String text) {
        if (text.length() > MergeTrace.MAX_CHARACTERS) throw MergeTrace.tooLong(text);
        String whole = Tokenizer.withoutLoneSurrogates(text);
        Encoding encoding = tokenizer.encoded(whole, false);
        List<Token> tokens = tokenizer.tokens(whole, encoding);
        double[] scores = tokenizer.scores();
        List<Word> words = new ArrayList<>();
        SortedMap<Long, List<Integer>> byWord = MergeTracer.byPiece(encoding.getWordIds());
        byWord.forEach((word, at) ->
                words.add(word(tokenizer, scores, at.stream().map(tokens::get).toList())));
        return new UnigramTrace(words);
    }

    private static Word word(Tokenizer tokenizer, double[] scores, List<Token> tokens) {
        StringBuilder text = new StringBuilder();
        int start = Integer.MAX_VALUE;
        int end = 0;
        boolean known = true;
        List<Part> taken = new ArrayList<>();
        for (Token t : tokens) {
            Symbol symbol = tokenizer.symbol(t.id());
            boolean piece = tokenizer.piece(t.id()).kind() == Tokenization.Kind.PIECE && !tokenizer.isAdded(t.id());
            known &= piece;
            text.append(symbol.piece());
            taken.add(new Part(symbol, piece ? scores[t.id()] : null));
            if (t.start() == null) continue;
            start = Math.min(start, t.start());
            end = Math.max(end, t.end());
        }
        String word = text.toString();
        List<Way> ways =
                known && word.codePointCount(0, word.length()) <= MAX_WORD ? ways(tokenizer, scores, word) : List.of();
        // Ties are broken in the library's own order, so its choice is listed first.
        List<Integer> ids = tokens.stream().map(Token::id).toList();
        List<Way> ordered = new ArrayList<>();
        double sum = 0;
        for (Part p : taken) sum += p.score() == null ? 0 : p.score();
        ordered.add(new Way(taken, known ? sum : null));
        for (Way way : ways) {
            List<Integer> other = way.parts().stream().map(p -> p.symbol().id()).toList();
            if (!other.equals(ids) && ordered.size() < WAYS) ordered.add(way);
        }
        return new Word(word, Math.min(start, end), end, ordered);
    }

    /** A best segmentation of a prefix: its predecessor and its last piece. */
    private record Step(double score, Step before, int id) {}

    /** The n best segmentations of a word, the best first: Viterbi with several survivors at each offset. */
    private static List<Way> ways(Tokenizer tokenizer, double[] scores, String word) {
        List<List<Step>> best = new ArrayList<>();
        for (int i = 0; i <= word.length(); i++) best.add(new ArrayList<>());
        best.get(0).add(new Step(0, null, -1));
        for (int end = 1; end <= word.length(); end++) {
            List<Step> here = best.get(end);
            for (int start = Math.max(0, end - TokenizerFile.MAX_UNIGRAM); start < end; start++) {
                if (best.get(start).isEmpty()) continue;
                Integer id = tokenizer.idOfPiece(word.substring(start, end));
                if (id == null || tokenizer.isAdded(id)) continue;
                for (Step before : best.get(start)) here.add(new Step(before.score() + scores[id], before, id));
            }
            here.sort(Comparator.comparingDouble(s -> -s.score()));
            if (here.size() > WAYS) here.subList(WAYS, here.size()).clear();
        }
        List<Way> ways = new ArrayList<>();
        for (Step last : best.get(word.length())) {
            List<Part> parts = new ArrayList<>();
            for (Step s = last; s.before() != null; s = s.before()) {
                parts.add(0, new Part(tokenizer.symbol(s.id()), scores[s.id()]));
            }
            ways.add(new Way(parts, last.score()));
        }
        return ways;
    }
}
