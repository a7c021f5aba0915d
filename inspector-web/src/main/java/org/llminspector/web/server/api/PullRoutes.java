package org.llminspector.web.server.api;

import io.javalin.config.RoutesConfig;
import io.javalin.http.Context;
import java.util.function.BooleanSupplier;
import org.llminspector.run.models.Models;
import org.llminspector.run.work.RunQueue;
import org.llminspector.web.server.http.Events;
import org.llminspector.web.server.http.Replies;
import org.llminspector.web.server.http.Requests;
import org.llminspector.web.server.http.Routes;
import org.llminspector.web.server.http.RunEvent;
import org.llminspector.web.server.http.RunStream;

/** Routes that download models from the Hugging Face hub. */
public final class PullRoutes implements Routes {

    record PullRequest(String repo, String revision) {}

    private final Models models;
    private final RunQueue queue;
    private final RunStream stream;

    public PullRoutes(Models models, RunQueue queue, RunStream stream) {
        this.models = models;
        this.queue = queue;
        this.stream = stream;
    }

    @Override
    public void register(RoutesConfig routes) {
        routes.post("/api/v1/models/pull", this::pull);
    }

    private void pull(Context ctx) throws Exception {
        PullRequest r = Requests.body(ctx, PullRequest.class);
        String repo = Requests.required(r.repo(), "repo");
        String accept = ctx.header("Accept");
        if (accept == null || !accept.contains("text/event-stream")) {
            BooleanSupplier cancelled = queue.cancellation();
            Replies.json(ctx, stream.bounded(() -> models.pull(repo, r.revision(), p -> {}, cancelled)));
            return;
        }
        stream.bounded(() -> {
            Events events = new Events();
            BooleanSupplier cancelled = queue.cancellation();
            stream.answer(
                    ctx,
                    events,
                    () -> models.pull(repo, r.revision(), p -> events.send(new RunEvent("progress", p)), cancelled));
            return null;
        });
    }
}
