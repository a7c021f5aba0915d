package org.llminspector.train;

import java.util.List;
import java.util.Map;
import org.llminspector.base.Problem;
import org.llminspector.tokenize.ChatTemplate;
import org.llminspector.tokenize.Token;
import org.llminspector.tokenize.Tokenizer;

/** ChatEncoder writes a conversation as the chat template does; only the answer's tokens count, with the one that ends it. */
final class ChatEncoder {

    private final Tokenizer tokenizer;
    private final ChatTemplate template;
    private final int context;

    ChatEncoder(Tokenizer tokenizer, ChatTemplate template, int context) {
        this.tokenizer = tokenizer;
        this.template = template;
        this.context = context;
    }

    /** The example, or null when it is longer than the model's context. */
    Batches.Example encode(String user, String assistant) {
        Map<String, String> asked = Map.of("role", "user", "content", user);
        int[] question = ids(template.render(List.of(asked), true));
        int[] whole = ids(template.render(List.of(asked, Map.of("role", "assistant", "content", assistant)), false));
        for (int i = 0; i < question.length; i++) {
            if (i >= whole.length || question[i] != whole[i]) {
                throw Problem.unsupported("the chat template cannot be trained on")
                        .where("chat_template")
                        .expected("a conversation that begins with the tokens of its question")
                        .found("another token " + i);
            }
        }
        return whole.length - 1 > context ? null : Batches.Example.from(whole, question.length);
    }

    private int[] ids(String text) {
        return tokenizer.encode(text, false).stream().mapToInt(Token::id).toArray();
    }
}
