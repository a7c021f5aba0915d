package org.llminspector.train;

import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import org.llminspector.tokenize.Token;
import org.llminspector.tokenize.Tokenizer;

/** Alternatives are the tokens that could have begun a word which its author drew from several. Safe on any thread. */
final class Alternatives {

    private final Tokenizer tokenizer;
    private final Map<String, Integer> known = new ConcurrentHashMap<>();

    Alternatives(Tokenizer tokenizer) {
        this.tokenizer = tokenizer;
    }

    /**
     * For each token those that were as likely, itself among them, one for each word: some can begin alike.
     *
     * @param tokens of the text
     * @return [tokens], null where none is known
     */
    int[][] of(String text, List<Token> tokens, List<Corpus.Choice> choices) {
        int[][] all = new int[tokens.size()][];
        int at = 0;
        for (Corpus.Choice choice : choices) {
            int from = choice.word().from();
            while (at < tokens.size() && !holds(tokens.get(at), from)) at++;
            if (at == tokens.size()) break;
            String before = text.substring(Math.max(0, from - 1), from);
            String word = text.substring(from, choice.word().to());
            if (first(before, word) != tokens.get(at).id()) continue; // cut otherwise here than alone
            all[at] = choice.drawnFrom().stream()
                    .mapToInt(other -> first(before, other))
                    .toArray();
        }
        return all;
    }

    private static boolean holds(Token token, int at) {
        return token.start() != null && token.start() <= at && at < token.end();
    }

    /** The token with a word's first letter, after a character. */
    private int first(String before, String word) {
        return known.computeIfAbsent(before + word, text -> tokenizer.encode(text, false).stream()
                .filter(t -> holds(t, before.length()))
                .findFirst()
                .orElseThrow()
                .id());
    }
}
