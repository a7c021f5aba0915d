package org.llminspector.web.server.api;

import io.javalin.config.RoutesConfig;
import io.javalin.http.Context;
import java.io.IOException;
import java.util.List;
import org.llminspector.base.Problem;
import org.llminspector.run.Analyses;
import org.llminspector.run.inspect.Tokenizations;
import org.llminspector.run.models.Models;
import org.llminspector.tokenize.Encodings;
import org.llminspector.tokenize.MergeTrace;
import org.llminspector.tokenize.Token;
import org.llminspector.tokenize.Tokenization;
import org.llminspector.tokenize.Tokenizer;
import org.llminspector.tokenize.UnigramTrace;
import org.llminspector.tokenize.file.TokenizerRules;
import org.llminspector.web.server.http.Replies;
import org.llminspector.web.server.http.Requests;
import org.llminspector.web.server.http.Routes;

/** Routes that convert text to tokens and back. */
public final class TextRoutes implements Routes {

    record TokenizeRequest(String model, String encoding, String text, Boolean addSpecialTokens, Boolean merges) {}

    record Tokenized(
            String model,
            String encoding,
            List<Token> tokens,
            int count,
            int characters,
            List<MergeTrace.Piece> merges) {}

    /** @param with the tokenizers; null for the default model's alone */
    record TokenizationsRequest(String text, List<TokenizerChoice> with, Boolean trace) {}

    record TokenizerChoice(String model, String encoding, Boolean chat, Boolean addSpecialTokens) {}

    record DetokenizeRequest(String model, String encoding, List<Integer> tokens) {}

    record Detokenized(String model, String encoding, String text, List<Token> tokens) {}

    /** At this limit, seconds of work and tens of megabytes of answer. */
    private static final int MAX_CHARACTERS = 500_000;

    /** Each tokenizes the whole text. */
    private static final int MAX_TOKENIZERS = 16;

    private final Models models;
    private final Analyses analyses;

    public TextRoutes(Models models, Analyses analyses) {
        this.models = models;
        this.analyses = analyses;
    }

    @Override
    public void register(RoutesConfig routes) {
        routes.post("/api/v1/tokenize", this::tokenize);
        routes.post("/api/v1/tokenizations", this::tokenizations);
        routes.post("/api/v1/detokenize", this::detokenize);
    }

    private void tokenize(Context ctx) throws IOException {
        TokenizeRequest r = Requests.body(ctx, TokenizeRequest.class);
        String text = Requests.required(r.text(), "text");
        checkLength(text);
        int characters = text.codePointCount(0, text.length());
        boolean merges = r.merges() != null && r.merges();
        oneOf(r.model(), r.encoding());
        if (r.encoding() != null) {
            List<Token> tokens = Encodings.encode(r.encoding(), text);
            List<MergeTrace.Piece> pieces =
                    merges ? MergeTrace.of(r.encoding(), text).pieces() : null;
            Replies.json(ctx, new Tokenized(null, r.encoding(), tokens, tokens.size(), characters, pieces));
            return;
        }
        String model = models.orDefault(r.model());
        Tokenizer tokenizer = models.tokenizer(model);
        List<Token> tokens = tokenizer.encode(text, r.addSpecialTokens() == null || r.addSpecialTokens());
        List<MergeTrace.Piece> pieces = merges ? MergeTrace.of(tokenizer, text).pieces() : null;
        Replies.json(ctx, new Tokenized(model, null, tokens, tokens.size(), characters, pieces));
    }

    /** A text's tokens under several tokenizers, in columns: 200 KB of text are tens of thousands of tokens. */
    private void tokenizations(Context ctx) throws IOException {
        TokenizationsRequest r = Requests.body(ctx, TokenizationsRequest.class);
        String text = Requests.required(r.text(), "text");
        checkLength(text);
        List<TokenizerChoice> with = r.with() == null ? List.of(new TokenizerChoice(null, null, null, null)) : r.with();
        if (with.isEmpty() || with.size() > MAX_TOKENIZERS) {
            throw Problem.invalid("too many tokenizers side by side")
                    .where("with")
                    .expected("1 to " + MAX_TOKENIZERS)
                    .found(with.size());
        }
        boolean trace = r.trace() != null && r.trace();
        List<Tokenizations.Choice> choices = with.stream()
                .map(c -> new Tokenizations.Choice(
                        c.encoding() == null ? models.orDefault(c.model()) : c.model(),
                        c.encoding(),
                        c.chat() != null && c.chat(),
                        c.addSpecialTokens() == null || c.addSpecialTokens(),
                        trace))
                .toList();
        List<SplitText> splits = analyses.tokenizations().of(text, choices).stream()
                .map(SplitText::of)
                .toList();
        Replies.json(ctx, new SplitTexts(text.codePointCount(0, text.length()), Tokenization.bytes(text), splits));
    }

    record SplitTexts(int characters, int bytes, List<SplitText> tokenizations) {}

    record SplitText(
            String model,
            String encoding,
            TokenizerRules rules,
            String text,
            int count,
            int[] ids,
            int[] starts,
            int[] ends,
            List<Tokenization.Piece> pieces,
            List<Tokenization.Group> groups,
            List<Tokenizations.Part> parts,
            List<MergeTrace.Piece> merges,
            List<UnigramTrace.Word> words) {

        static SplitText of(Tokenizations.Split s) {
            Tokenization t = s.tokenization();
            return new SplitText(
                    s.choice().model(),
                    s.choice().encoding(),
                    t.rules(),
                    s.text(),
                    t.ids().length,
                    t.ids(),
                    t.starts(),
                    t.ends(),
                    t.pieces(),
                    t.groups(),
                    s.parts(),
                    s.merges(),
                    s.words());
        }
    }

    private static void checkLength(String text) {
        if (text.length() <= MAX_CHARACTERS) return;
        throw Problem.tooLarge("the text is too long to be shown as tokens")
                .where("text")
                .expected("at most " + MAX_CHARACTERS + " characters")
                .found(text.length() + " characters")
                .instead("send a part of it");
    }

    private void detokenize(Context ctx) throws IOException {
        DetokenizeRequest r = Requests.body(ctx, DetokenizeRequest.class);
        List<Integer> ids = Requests.required(r.tokens(), "tokens");
        oneOf(r.model(), r.encoding());
        if (r.encoding() != null) {
            Replies.json(ctx, new Detokenized(null, r.encoding(), Encodings.decode(r.encoding(), ids), null));
            return;
        }
        String model = models.orDefault(r.model());
        Tokenizer tokenizer = models.tokenizer(model);
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
}
