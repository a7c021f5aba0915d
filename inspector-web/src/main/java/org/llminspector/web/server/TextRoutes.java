package org.llminspector.web.server;

import io.javalin.config.RoutesConfig;
import io.javalin.http.Context;
import java.io.IOException;
import java.util.List;
import org.llminspector.base.Problem;
import org.llminspector.run.Inspector;
import org.llminspector.tokenize.Token;
import org.llminspector.tokenize.Tokenizer;

/** TextRoutes turn text into tokens and back. */
final class TextRoutes {

    record TokenizeRequest(String model, String text, Boolean addSpecialTokens) {}

    record Tokenized(String model, List<Token> tokens, int count, int characters) {}

    record DetokenizeRequest(String model, List<Integer> tokens) {}

    record Detokenized(String model, String text, List<Token> tokens) {}

    /** Seconds of work, and tens of megabytes of answer. */
    private static final int MAX_CHARACTERS = 500_000;

    private final Inspector inspector;

    TextRoutes(Inspector inspector) {
        this.inspector = inspector;
    }

    void register(RoutesConfig routes) {
        routes.post("/api/v1/tokenize", this::tokenize);
        routes.post("/api/v1/detokenize", this::detokenize);
    }

    private void tokenize(Context ctx) throws IOException {
        TokenizeRequest r = Requests.body(ctx, TokenizeRequest.class);
        String text = Requests.required(r.text(), "text");
        if (text.length() > MAX_CHARACTERS) {
            throw Problem.tooLarge("the text is too long to be shown as tokens")
                    .where("text")
                    .expected("at most " + MAX_CHARACTERS + " characters")
                    .found(text.length() + " characters")
                    .instead("send a part of it");
        }
        String model = model(r.model());
        List<Token> tokens =
                inspector.tokenizer(model).encode(text, r.addSpecialTokens() == null || r.addSpecialTokens());
        Replies.json(ctx, new Tokenized(model, tokens, tokens.size(), text.codePointCount(0, text.length())));
    }

    private void detokenize(Context ctx) throws IOException {
        DetokenizeRequest r = Requests.body(ctx, DetokenizeRequest.class);
        List<Integer> ids = Requests.required(r.tokens(), "tokens");
        String model = model(r.model());
        Tokenizer tokenizer = inspector.tokenizer(model);
        List<Token> tokens = ids.stream().map(tokenizer::token).toList();
        Replies.json(ctx, new Detokenized(model, tokenizer.decode(ids, false), tokens));
    }

    private String model(String named) {
        return named == null ? inspector.defaultModel() : named;
    }
}
