package org.llminspector.web.server.api;

import io.javalin.config.RoutesConfig;
import io.javalin.http.Context;
import java.util.function.BooleanSupplier;
import org.llminspector.run.Inspector;
import org.llminspector.web.server.http.Events;
import org.llminspector.web.server.http.Replies;
import org.llminspector.web.server.http.Requests;
import org.llminspector.web.server.http.RunEvent;
import org.llminspector.web.server.http.RunStream;

/** Routes that download models from the Hugging Face hub. */
public final class PullRoutes {

    record PullRequest(String repo, String revision) {}

    private final Inspector inspector;
    private final RunStream stream;

    public PullRoutes(Inspector inspector, RunStream stream) {
        this.inspector = inspector;
        this.stream = stream;
    }

    public void register(RoutesConfig routes) {
        routes.post("/api/v1/models/pull", this::pull);
    }

    private void pull(Context ctx) throws Exception {
        PullRequest r = Requests.body(ctx, PullRequest.class);
        String repo = Requests.required(r.repo(), "repo");
        String accept = ctx.header("Accept");
        if (accept == null || !accept.contains("text/event-stream")) {
            BooleanSupplier cancelled = inspector.work().cancellation();
            Replies.json(ctx, stream.bounded(() -> inspector.pull(repo, r.revision(), p -> {}, cancelled)));
            return;
        }
        stream.bounded(() -> {
            Events events = new Events();
            BooleanSupplier cancelled = inspector.work().cancellation();
            stream.answer(
                    ctx,
                    events,
                    () -> inspector.pull(repo, r.revision(), p -> events.tell(new RunEvent("progress", p)), cancelled));
            return null;
        });
    }
}
