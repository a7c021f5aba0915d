package org.llminspector.web.server;

import io.javalin.config.RoutesConfig;
import io.javalin.http.Context;
import java.io.IOException;
import java.util.List;
import org.llminspector.base.Problem;
import org.llminspector.run.Inspector;
import org.llminspector.tokenize.Encodings;
import org.llminspector.tokenize.MergeTrace;
import org.llminspector.tokenize.Token;
import org.llminspector.tokenize.Tokenizer;

/** TextRoutes turn text into tokens and back. */
final class TextRoutes {

    record TokenizeRequest(String model, String encoding, String text, Boolean addSpecialTokens, Boolean merges) {}

    record Tokenized(
            String model,
            String encoding,
            List<Token> tokens,
            int count,
            int characters,
            List<MergeTrace.Piece> merges) {}

    record DetokenizeRequest(String model, String encoding, List<Integer> tokens) {}

    record Detokenized(String model, String encoding, String text, List<Token> tokens) {}

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
        int characters = text.codePointCount(0, text.length());
        boolean merges = r.merges() != null && r.merges();
        oneOf(r.model(), r.encoding());
        if (r.encoding() != null) {
            if (merges) {
                throw Problem.unsupported("an encoding has no merge trace")
                        .where("merges")
                        .instead("ask a model's tokenizer: its file has the merges");
            }
            List<Token> tokens = Encodings.encode(r.encoding(), text);
            Replies.json(ctx, new Tokenized(null, r.encoding(), tokens, tokens.size(), characters, null));
            return;
        }
        String model = model(r.model());
        Tokenizer tokenizer = inspector.tokenizer(model);
        List<Token> tokens = tokenizer.encode(text, r.addSpecialTokens() == null || r.addSpecialTokens());
        List<MergeTrace.Piece> pieces = merges ? MergeTrace.of(tokenizer, text).pieces() : null;
        Replies.json(ctx, new Tokenized(model, null, tokens, tokens.size(), characters, pieces));
    }

    private void detokenize(Context ctx) throws IOException {
        DetokenizeRequest r = Requests.body(ctx, DetokenizeRequest.class);
        List<Integer> ids = Requests.required(r.tokens(), "tokens");
        oneOf(r.model(), r.encoding());
        if (r.encoding() != null) {
            Replies.json(ctx, new Detokenized(null, r.encoding(), Encodings.decode(r.encoding(), ids), null));
            return;
        }
        String model = model(r.model());
        Tokenizer tokenizer = inspector.tokenizer(model);
        List<Token> tokens = ids.stream().map(tokenizer::token).toList();
        Replies.json(ctx, new Detokenized(model, null, tokenizer.decode(ids, false), tokens));
    }

    private static void oneOf(String model, String encoding) {
        if (model == null || encoding == null) return;
        throw Problem.invalid("a text has one tokenizer")
                .where("model, encoding")
                .expected("one of them")
                .found("both");
    }

    private String model(String named) {
        return named == null ? inspector.defaultModel() : named;
    }
}
