package org.llminspector.web.server.openai;

import com.fasterxml.jackson.databind.JsonNode;
import io.javalin.config.RoutesConfig;
import io.javalin.http.Context;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.llminspector.base.Json;
import org.llminspector.generate.GeneratedToken;
import org.llminspector.run.Runs;
import org.llminspector.run.models.Models;
import org.llminspector.run.request.RunRequest;
import org.llminspector.run.work.RunQueue;
import org.llminspector.web.server.http.Events;
import org.llminspector.web.server.http.Metrics;
import org.llminspector.web.server.http.OpenAiFailure;
import org.llminspector.web.server.http.ProblemDetail;
import org.llminspector.web.server.http.Replies;
import org.llminspector.web.server.http.Requests;
import org.llminspector.web.server.http.Routes;
import org.llminspector.web.server.http.RunEvent;
import org.llminspector.web.server.http.RunStream;

/**
 * Routes of the OpenAI interface, so that its clients run unchanged against a model here: the openai package,
 * LangChain, lm-evaluation-harness. Every choice is a stored run, and names its id.
 */
public final class OpenAiRoutes implements Routes {

    private static final byte[] DONE = "data: [DONE]\n\n".getBytes(StandardCharsets.UTF_8);

    private final Models models;
    private final Runs runs;
    private final RunQueue queue;
    private final Metrics metrics;
    private final RunStream stream;

    public OpenAiRoutes(Models models, Runs runs, RunQueue queue, Metrics metrics, RunStream stream) {
        this.models = models;
        this.runs = runs;
        this.queue = queue;
        this.metrics = metrics;
        this.stream = stream;
    }

    @Override
    public void register(RoutesConfig routes) {
        routes.get("/v1/models", this::models);
        routes.get("/v1/models/{slug}", this::model);
        routes.post("/v1/completions", ctx -> answer(ctx, false));
        routes.post("/v1/chat/completions", ctx -> answer(ctx, true));
        routes.post("/v1/embeddings", new OpenAiEmbeddings(models, runs, metrics)::answer);
        routes.post("/as/{model}/v1/completions", ctx -> answer(ctx, false));
        new OpenAiTokenizer(models).register(routes);
    }

    private void models(Context ctx) throws IOException {
        List<OpenAi.Model> all = models.list().stream()
                .filter(m -> m.trouble() == null)
                .map(m -> entry(m.slug()))
                .toList();
        Replies.json(ctx, new OpenAi.Models("list", all));
    }

    private void model(Context ctx) throws IOException {
        Replies.json(ctx, entry(models.details(ctx.pathParam("slug")).summary().slug()));
    }

    private static OpenAi.Model entry(String slug) {
        return new OpenAi.Model(slug, "model", 0, "this machine");
    }

    private void answer(Context ctx, boolean chat) throws Exception {
        JsonNode body = Requests.body(ctx, JsonNode.class);
        OpenAiModel model = OpenAiModel.of(ctx, body, models);
        OpenAiRequest r = chat ? chat(body, model) : OpenAiRequest.ofCompletion(body, model);
        OpenAiWork work = new OpenAiWork(models, runs, queue, metrics);
        if (r.stream()) {
            stream(ctx, r, work);
            return;
        }
        List<OpenAiWork.Made> all = work.all(r, OpenAiWork.ChoiceListener.NONE);
        OpenAiWork.Made first = all.get(0);
        OpenAi.Usage usage = OpenAiWork.usage(all, r.n());
        long created = OpenAiWork.created(first.run());
        if (chat) {
            List<OpenAi.ChatChoice> choices =
                    all.stream().map(m -> OpenAiWork.chatChoice(m, r)).toList();
            Replies.json(
                    ctx,
                    new OpenAi.Chat(
                            "chatcmpl-" + first.run().id(),
                            "chat.completion",
                            created,
                            r.model().name(),
                            choices,
                            usage));
        } else {
            List<OpenAi.Choice> choices =
                    all.stream().map(m -> OpenAiWork.choice(m, r)).toList();
            Replies.json(
                    ctx,
                    new OpenAi.Completion(
                            "cmpl-" + first.run().id(),
                            "text_completion",
                            created,
                            r.model().name(),
                            choices,
                            usage));
        }
    }

    private OpenAiRequest chat(JsonNode body, OpenAiModel model) {
        RunRequest conversation = OpenAiMessages.of(body, models.chatTemplate(model.slug()));
        int context = models.details(model.slug()).spec().maxContext();
        return OpenAiRequest.ofChat(body, model, conversation, context);
    }

    private void stream(Context ctx, OpenAiRequest r, OpenAiWork work) throws Exception {
        Events events = new Events();
        Chunks chunks = new Chunks(r, events);
        stream.answer(
                ctx,
                events,
                () -> {
                    List<OpenAiWork.Made> all = work.all(r, chunks);
                    if (r.usage()) chunks.usage(OpenAiWork.usage(all, r.n()));
                    return null;
                },
                OpenAiRoutes::frame);
    }

    private static byte[] frame(RunEvent event) throws IOException {
        if (event.name().equals("done")) return DONE;
        Object data = event.data() instanceof ProblemDetail p ? OpenAiFailure.of(p) : event.data();
        return ("data: " + Json.mapper().writeValueAsString(data) + "\n\n").getBytes(StandardCharsets.UTF_8);
    }

    /** Writer of a stream's chunks while its choices are made. */
    private static final class Chunks implements OpenAiWork.ChoiceListener {

        private final OpenAiRequest r;
        private final Events events;
        private final long created = Instant.now().getEpochSecond();
        private final String id;
        private final Map<Integer, Integer> at = new HashMap<>();

        Chunks(OpenAiRequest r, Events events) {
            this.r = r;
            this.events = events;
            this.id = (r.chat() ? "chatcmpl-" : "cmpl-") + Long.toHexString(System.nanoTime());
        }

        @Override
        public void begun(int index, String prompt, OpenAi.Logprobs echo) {
            at.put(index, prompt.length());
            if (r.chat()) chat(index, new OpenAi.Said("assistant", ""), null, null, null);
            else if (r.echo()) text(index, prompt, echo, null, null);
        }

        @Override
        public void token(int index, String run, GeneratedToken t) {
            if (r.chat()) {
                OpenAi.ChatLogprobs logprobs =
                        r.logprobs() == null ? null : new OpenAi.ChatLogprobs(List.of(OpenAiWork.chatToken(t)));
                chat(index, new OpenAi.Said(null, t.text()), logprobs, null, run);
                return;
            }
            int from = at.merge(index, t.token().text().length(), Integer::sum)
                    - t.token().text().length();
            text(index, t.text(), r.logprobs() == null ? null : OpenAiWork.logprobs(t, from), null, run);
        }

        @Override
        public void made(OpenAiWork.Made m) {
            String run = m.run().id();
            if (r.chat()) chat(m.index(), new OpenAi.Said(null, null), null, m, run);
            else text(m.index(), "", null, m, run);
        }

        void usage(OpenAi.Usage usage) {
            send(
                    r.chat()
                            ? new OpenAi.Chat(
                                    id,
                                    "chat.completion.chunk",
                                    created,
                                    r.model().name(),
                                    List.of(),
                                    usage)
                            : new OpenAi.Completion(
                                    id, "text_completion", created, r.model().name(), List.of(), usage));
        }

        private void chat(int index, OpenAi.Said delta, OpenAi.ChatLogprobs logprobs, OpenAiWork.Made end, String run) {
            OpenAi.ChatChoice choice =
                    new OpenAi.ChatChoice(index, null, delta, logprobs, finish(end), limit(end), run);
            send(new OpenAi.Chat(id, "chat.completion.chunk", created, r.model().name(), List.of(choice), null));
        }

        private void text(int index, String text, OpenAi.Logprobs logprobs, OpenAiWork.Made end, String run) {
            OpenAi.Choice choice = new OpenAi.Choice(index, text, logprobs, finish(end), limit(end), run);
            send(new OpenAi.Completion(id, "text_completion", created, r.model().name(), List.of(choice), null));
        }

        private static String finish(OpenAiWork.Made end) {
            return end == null ? null : end.finish();
        }

        private static String limit(OpenAiWork.Made end) {
            return end == null ? null : end.limit();
        }

        private void send(Object chunk) {
            events.send(new RunEvent("chunk", chunk));
        }
    }
}
