package org.llminspector.web.server.openai;

import com.fasterxml.jackson.databind.JsonNode;
import io.javalin.config.RoutesConfig;
import io.javalin.http.Context;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import org.llminspector.base.Json;
import org.llminspector.base.Problem;
import org.llminspector.base.Version;
import org.llminspector.run.models.Models;
import org.llminspector.tokenize.Tokenizer;
import org.llminspector.web.server.http.Replies;
import org.llminspector.web.server.http.Requests;
import org.llminspector.web.server.http.Routes;

/**
 * Tokenizer routes in the shapes of vLLM and llama.cpp, for clients without a tokenizer: lm-evaluation-harness requests
 * {@code /tokenizer_info}, {@code /tokenize} and {@code /detokenize} and names no model. The prefix {@code /as/MODEL}
 * chooses one.
 */
public final class OpenAiTokenizer implements Routes {

    public static final String HEALTH = "/health";

    private final Models models;

    public OpenAiTokenizer(Models models) {
        this.models = models;
    }

    @Override
    public void register(RoutesConfig routes) {
        for (String as : List.of("", "/as/{model}")) {
            routes.get(as + "/tokenizer_info", this::info);
            routes.post(as + "/tokenize", this::tokenize);
            routes.post(as + "/detokenize", this::detokenize);
        }
        routes.get("/props", this::props);
        routes.get(HEALTH, ctx -> Replies.json(ctx, new OpenAi.Health("ok")));
    }

    private void info(Context ctx) throws IOException {
        String slug = asked(ctx);
        Tokenizer t = models.tokenizer(slug);
        Replies.json(ctx, new OpenAi.TokenizerInfo(slug, t.vocabSize(), bos(t), eos(t), null, template(slug)));
    }

    private void props(Context ctx) throws IOException {
        String slug = asked(ctx);
        Models.ModelDetails model = models.details(slug);
        Tokenizer t = model.tokenizer() == null ? null : models.tokenizer(slug);
        Replies.json(
                ctx,
                new OpenAi.Props(
                        new OpenAi.Props.Settings(model.spec().maxContext()),
                        1,
                        slug,
                        template(slug),
                        bos(t),
                        eos(t),
                        "LLM Inspector " + Version.STRING));
    }

    /** The model of the path or of {@code ?model=}, or the default. */
    private String asked(Context ctx) {
        return OpenAiModel.of(ctx, Json.mapper().createObjectNode(), models).slug();
    }

    private String template(String slug) {
        Models.TokenizerInfo t = models.details(slug).tokenizer();
        return t == null || !t.chatTemplate() ? null : models.chatTemplate(slug).source();
    }

    private static String bos(Tokenizer t) {
        return t == null || t.bosId() == null ? null : t.token(t.bosId()).text();
    }

    private static String eos(Tokenizer t) {
        return t == null || t.eosIds().isEmpty()
                ? null
                : t.token(t.eosIds().get(0)).text();
    }

    /** A prompt; or llama.cpp's content, without control tokens unless requested; or messages, as in vLLM. */
    private void tokenize(Context ctx) throws IOException {
        JsonNode body = Requests.body(ctx, JsonNode.class);
        String slug = OpenAiModel.of(ctx, body, models).slug();
        if (OpenAiRequest.flag(body, "with_pieces")) {
            throw Problem.unsupported("tokens are told as ids alone here")
                    .where("with_pieces")
                    .instead("POST /api/v1/tokenize tells each token's text, bytes and place");
        }
        boolean llama = OpenAiRequest.has(body, "content");
        boolean special = flag(body, llama ? "add_special" : "add_special_tokens", !llama);
        JsonNode messages = body.path("prompt").isArray() ? OpenAiMessages.asMessages(body.get("prompt")) : body;
        boolean chat = OpenAiRequest.has(messages, "messages");
        String text = chat
                ? OpenAiMessages.text(messages, models.chatTemplate(slug))
                : Requests.required(OpenAiRequest.text(body, llama ? "content" : "prompt", null), "prompt");
        List<Integer> ids = new ArrayList<>();
        models.tokenizer(slug).encode(text, special && !chat).forEach(t -> ids.add(t.id()));
        int context = models.details(slug).spec().maxContext();
        Replies.json(ctx, new OpenAi.Tokenized(ids, ids.size(), context));
    }

    private static boolean flag(JsonNode body, String field, boolean standard) {
        return OpenAiRequest.has(body, field) ? OpenAiRequest.flag(body, field) : standard;
    }

    private void detokenize(Context ctx) throws IOException {
        JsonNode body = Requests.body(ctx, JsonNode.class);
        String slug = OpenAiModel.of(ctx, body, models).slug();
        List<Integer> ids = body.path("tokens").isEmpty()
                ? List.of()
                : OpenAiRequest.ids(body.path("tokens"), "tokens").tokens();
        String text = models.tokenizer(slug).decode(ids, false);
        Replies.json(ctx, new OpenAi.Detokenized(text, text));
    }
}
