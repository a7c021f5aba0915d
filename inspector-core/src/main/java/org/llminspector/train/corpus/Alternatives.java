package org.llminspector.train.corpus;

import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import org.llminspector.tokenize.Token;
import org.llminspector.tokenize.Tokenizer;

/** First tokens of the words that a document's author could have drawn instead (soft labels). Safe on any thread. */
public final class Alternatives {

    private final Tokenizer tokenizer;
    private final Map<String, Integer> known = new ConcurrentHashMap<>();

    public Alternatives(Tokenizer tokenizer) {
        this.tokenizer = tokenizer;
    }

    /**
     * For each token that begins a drawn word, the equally likely first tokens, its own included, one per word; they
     * may repeat.
     *
     * @param tokens of the text
     * @return [tokens], null where none are known
     */
    public int[][] of(String text, List<Token> tokens, List<Corpus.Choice> choices) {
        int[][] all = new int[tokens.size()][];
        int at = 0;
        for (Corpus.Choice choice : choices) {
            int from = choice.word().from();
            while (at < tokens.size() && !covers(tokens.get(at), from)) at++;
            if (at == tokens.size()) break;
            String before = text.substring(Math.max(0, from - 1), from);
            String word = text.substring(from, choice.word().to());
            if (first(before, word) != tokens.get(at).id()) continue; // its tokenization depends on more context
            all[at] = choice.drawnFrom().stream()
                    .mapToInt(other -> first(before, other))
                    .toArray();
        }
        return all;
    }

    private static boolean covers(Token token, int at) {
        return token.start() != null && token.start() <= at && at < token.end();
    }

    /** The token with a word's first letter, where {@code before} precedes the word. */
    private int first(String before, String word) {
        return known.computeIfAbsent(before + word, text -> tokenizer.encode(text, false).stream()
                .filter(t -> covers(t, before.length()))
                .findFirst()
                .orElseThrow()
                .id());
    }
}
