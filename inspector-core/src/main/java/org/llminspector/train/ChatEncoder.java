package org.llminspector.train;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import org.llminspector.base.Problem;
import org.llminspector.tokenize.ChatTemplate;
import org.llminspector.tokenize.Token;
import org.llminspector.tokenize.Tokenizer;
import org.llminspector.train.corpus.Exchange;

/**
 * Encoder of conversations by the chat template; the loss counts only the answers' tokens, including each end token.
 */
final class ChatEncoder {

    private final Tokenizer tokenizer;
    private final ChatTemplate template;
    private final int context;

    ChatEncoder(Tokenizer tokenizer, ChatTemplate template, int context) {
        this.tokenizer = tokenizer;
        this.template = template;
        this.context = context;
    }

    /** The example; exchanges beyond the model's context are dropped, and null where the first does not fit. */
    Batches.Example encode(List<Exchange> turns) {
        MaskedConversation lesson = lesson(turns);
        if (lesson == null) return null;
        int[] ids = lesson.tokens().stream().mapToInt(Token::id).toArray();
        float[] weights = new float[ids.length - 1];
        for (int t = 0; t < weights.length; t++) weights[t] = lesson.counts().get(t + 1) ? 1 : 0;
        return new Batches.Example(ids, weights);
    }

    MaskedConversation lesson(List<Exchange> turns) {
        List<Map<String, String>> said = new ArrayList<>();
        List<Span> answers = new ArrayList<>();
        String text = "";
        for (Exchange turn : turns) {
            said.add(Map.of("role", "user", "content", turn.user()));
            String asked = longer(text, said, true);
            said.add(Map.of("role", "assistant", "content", turn.assistant()));
            text = longer(asked, said, false);
            answers.add(new Span(asked.length(), text.length()));
        }
        List<Token> tokens = tokenizer.encode(text, false);
        List<Boolean> counts = new ArrayList<>(Collections.nCopies(tokens.size(), false));
        int length = 0;
        int at = 0;
        for (Span answer : answers) {
            at = tokenAt(tokens, at, answer.from());
            int end = tokenAt(tokens, at, answer.to());
            if (end - 1 > context) break;
            Collections.fill(counts.subList(at, end), true);
            length = end;
        }
        return length == 0 ? null : new MaskedConversation(tokens.subList(0, length), counts.subList(0, length));
    }

    /** An answer in the text, including its end token. */
    private record Span(int from, int to) {}

    private String longer(String before, List<Map<String, String>> said, boolean answerFollows) {
        String text = template.render(said, answerFollows);
        if (text.startsWith(before)) return text;
        throw untrainable("a conversation that begins as it did a message before");
    }

    /** The index of the token that begins at a character, or the number of tokens at the text's end. */
    private static int tokenAt(List<Token> tokens, int from, int character) {
        int at = from;
        while (at < tokens.size() && tokens.get(at).start() < character) at++;
        if (at > 0 && tokens.get(at - 1).end() > character)
            throw untrainable("answers that begin and end with a token");
        return at;
    }

    private static Problem untrainable(String expected) {
        return Problem.unsupported("the chat template cannot be trained on")
                .where("chat_template")
                .expected(expected);
    }
}
