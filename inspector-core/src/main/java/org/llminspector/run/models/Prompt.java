package org.llminspector.run.models;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.llminspector.base.Plural;
import org.llminspector.base.Problem;
import org.llminspector.run.request.Message;
import org.llminspector.run.request.RunRequest;
import org.llminspector.tokenize.Token;
import org.llminspector.tokenize.Tokenizer;

/**
 * A run's input tokens: from the prompt, the given tokens, or the messages rendered by the model's chat template.
 *
 * @param text what was tokenized, or null when token ids were given
 * @param tokens at least one, all in the vocabulary, and no more than the context
 */
public record Prompt(String text, List<Token> tokens) {

    /** Most characters per token of any text that is not all whitespace. */
    private static final int LONGEST_TOKEN = 256;

    public static Prompt of(RunRequest r, ModelFolder folder) {
        String field = field(r);
        int context = folder.spec().maxContext();
        int vocab = folder.spec().vocab();
        if (r.tokens() != null) {
            List<Integer> ids = inVocabulary(r.tokens(), vocab, "tokens");
            return new Prompt(null, fits(ids.stream().map(folder::token).toList(), field, context));
        }
        String text = r.prompt() != null ? r.prompt() : rendered(r.messages(), folder);
        if (text.length() > (long) LONGEST_TOKEN * context) {
            // Millions of characters would take a minute to tokenize before being refused.
            throw tooLong(field, context).found(text.length() + " characters").instead("shorten it");
        }
        List<Token> tokens = fits(folder.requireTokenizer().encode(text, r.addSpecialTokens()), field, context);
        inVocabulary(tokens.stream().map(Token::id).toList(), vocab, "tokens");
        return new Prompt(text, tokens);
    }

    /** The name of the one input field that was given. */
    private static String field(RunRequest r) {
        Map<String, Object> given = new LinkedHashMap<>();
        given.put("prompt", r.prompt());
        given.put("tokens", r.tokens());
        given.put("messages", r.messages());
        given.values().removeIf(v -> v == null);
        if (given.size() == 1) return given.keySet().iterator().next();
        throw Problem.invalid("a run needs a prompt, tokens or messages")
                .where("prompt, tokens, messages")
                .expected("exactly one of them")
                .found(given.isEmpty() ? "none" : String.join(" and ", given.keySet()));
    }

    private static String rendered(List<Message> messages, ModelFolder folder) {
        if (messages.isEmpty()) {
            throw Problem.invalid("the conversation is empty").where("messages").expected("at least one message");
        }
        for (int i = 0; i < messages.size(); i++) {
            Message m = messages.get(i);
            if (m.role() == null || m.content() == null) {
                throw Problem.invalid("a message is incomplete")
                        .where("messages[" + i + "]." + (m.role() == null ? "role" : "content"))
                        .expected("a text");
            }
        }
        boolean answer = !messages.get(messages.size() - 1).role().equals("assistant");
        return folder.requireChatTemplate()
                .render(
                        messages.stream()
                                .map(m -> Map.of("role", m.role(), "content", m.content()))
                                .toList(),
                        answer);
    }

    private static List<Token> fits(List<Token> tokens, String field, int context) {
        if (tokens.isEmpty()) {
            throw Problem.invalid("the prompt has no tokens").where(field).expected("at least one token");
        }
        if (tokens.size() <= context) return tokens;
        throw tooLong(field, context)
                .found(Plural.of(tokens.size(), "token"))
                .instead("shorten it by at least " + Plural.of(tokens.size() - context, "token"));
    }

    private static Problem tooLong(String field, int context) {
        return Problem.tooLarge("the prompt is longer than the model's context")
                .where(field)
                .expected("at most " + context + " tokens");
    }

    /**
     * The ids of a continuation: tokenized together with the preceding text, where that leaves the preceding tokens
     * unchanged.
     */
    public static List<Integer> following(List<Token> tokens, String text, ModelFolder folder) {
        Tokenizer tokenizer = folder.requireTokenizer();
        List<Integer> before = tokens.stream().map(Token::id).toList();
        int added = 0;
        while (added < before.size() && tokens.get(added).special()) added++;
        List<Integer> own = before.subList(added, before.size());
        List<Integer> together = ids(tokenizer.encode(tokenizer.decode(own, false) + text, false));
        if (together.size() > own.size() && together.subList(0, own.size()).equals(own)) {
            return together.subList(own.size(), together.size());
        }
        return ids(tokenizer.encode(text, false));
    }

    private static List<Integer> ids(List<Token> tokens) {
        return tokens.stream().map(Token::id).toList();
    }

    /** Checks that each id is in the vocabulary; {@code field} is named in the error. */
    public static List<Integer> inVocabulary(List<Integer> ids, int vocab, String field) {
        for (int i = 0; i < ids.size(); i++) {
            Integer id = ids.get(i);
            if (id == null || id < 0 || id >= vocab) {
                throw Problem.invalid("the token is outside the model's vocabulary")
                        .where(field + "[" + i + "]")
                        .expected("0 to " + (vocab - 1))
                        .found(id);
            }
        }
        return ids;
    }
}
