package org.llminspector.train;

import java.util.List;
import org.llminspector.tokenize.ChatTemplate;
import org.llminspector.tokenize.Token;
import org.llminspector.tokenize.Tokenizer;
import org.llminspector.train.corpus.Exchange;

/**
 * A conversation's tokens and loss mask: only the answers' tokens count, including each end token.
 *
 * @param tokens the conversation rendered by the chat template
 * @param counts whether the loss counts each token's prediction; the first token is never predicted
 */
public record MaskedConversation(List<Token> tokens, List<Boolean> counts) {

    /**
     * The tokens and mask that training uses for a conversation.
     *
     * @param context the model's positions; exchanges beyond it are dropped, and null where the first does not fit
     * @throws org.llminspector.base.Problem UNSUPPORTED for a template whose answers do not begin and end with a token
     */
    public static MaskedConversation of(List<Exchange> turns, Tokenizer tokenizer, ChatTemplate template, int context) {
        return new ChatEncoder(tokenizer, template, context).lesson(turns);
    }

    /** Number of tokens that count. */
    public int learnt() {
        return (int) counts.stream().filter(c -> c).count();
    }

    /** Index of the last answer's first token. */
    public int lastAnswer() {
        int at = counts.size();
        while (at > 0 && counts.get(at - 1)) at--;
        return at;
    }
}
