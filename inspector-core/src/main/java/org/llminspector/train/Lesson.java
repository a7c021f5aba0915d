package org.llminspector.train;

import java.util.List;
import org.llminspector.tokenize.ChatTemplate;
import org.llminspector.tokenize.Token;
import org.llminspector.tokenize.Tokenizer;

/**
 * Lesson is what a conversation teaches an assistant: the words are read, and only the answers' tokens, each with the one
 * that ends it, are learnt.
 *
 * @param tokens as the chat template writes the conversation
 * @param counts whether the loss of a token's prediction counts, one a token; the first is never predicted
 */
public record Lesson(List<Token> tokens, List<Boolean> counts) {

    /**
     * The lesson that training makes of a conversation.
     *
     * @param context positions that the model can read; turns beyond it are left out, and without the first it is null
     * @throws org.llminspector.base.Problem UNSUPPORTED for a template whose answers do not begin and end with a token
     */
    public static Lesson of(List<Exchange> turns, Tokenizer tokenizer, ChatTemplate template, int context) {
        return new ChatEncoder(tokenizer, template, context).lesson(turns);
    }

    /** Tokens that count. */
    public int learnt() {
        return (int) counts.stream().filter(c -> c).count();
    }

    /** Where the last answer begins. */
    public int lastAnswer() {
        int at = counts.size();
        while (at > 0 && counts.get(at - 1)) at--;
        return at;
    }
}
