package org.llminspector.web.server;

import io.javalin.config.RoutesConfig;
import io.javalin.http.Context;
import java.io.IOException;
import java.util.List;
import org.llminspector.base.Problem;
import org.llminspector.run.Inspector;
import org.llminspector.run.store.RunManifest;
import org.llminspector.run.store.RunRequest;
import org.llminspector.run.store.RunSummary;

/** RunRoutes make runs, list them, cancel them and delete them. */
final class RunRoutes {

    record Runs(List<RunSummary> runs) {}

    record Cancelling(String id, String status) {}

    private final Inspector inspector;
    private final ActiveRuns active;
    private final Metrics metrics;
    private final RunStream stream;

    RunRoutes(Inspector inspector, ActiveRuns active, Metrics metrics, RunStream stream) {
        this.inspector = inspector;
        this.active = active;
        this.metrics = metrics;
        this.stream = stream;
    }

    void register(RoutesConfig routes) {
        routes.post("/api/v1/runs", this::run);
        routes.get("/api/v1/runs", this::list);
        routes.get(
                "/api/v1/runs/{id}", ctx -> Replies.json(ctx, inspector.runs().manifest(ctx.pathParam("id"))));
        routes.delete("/api/v1/runs/{id}", this::delete);
        routes.post("/api/v1/runs/{id}/cancel", this::cancel);
    }

    private void run(Context ctx) throws Exception {
        RunRequest request = Requests.body(ctx, RunRequest.class);
        String accept = ctx.header("Accept");
        if (accept != null && accept.contains("text/event-stream")) {
            stream.answer(ctx, request, active, metrics);
            return;
        }
        RunManifest manifest = new LiveRun(active, metrics, event -> {}).run(inspector, request);
        ctx.header("Location", "/api/v1/runs/" + manifest.id());
        Replies.json(ctx, 201, manifest);
    }

    private void list(Context ctx) throws IOException {
        int limit = Requests.number(ctx, "limit", 50, 1, 1000);
        String of = ctx.queryParam("branch_of");
        String before = ctx.queryParam("before");
        if (of != null && before != null) {
            throw Problem.invalid("a tree of branches has no pages")
                    .where("before, branch_of")
                    .expected("one of them")
                    .found("both");
        }
        Replies.json(
                ctx,
                new Runs(
                        of == null
                                ? inspector.runs().list(limit, before)
                                : inspector.runs().branches(of, limit)));
    }

    private void delete(Context ctx) {
        inspector.runs().delete(ctx.pathParam("id"));
        ctx.status(204);
    }

    private void cancel(Context ctx) throws IOException {
        String id = ctx.pathParam("id");
        if (!active.cancel(id)) {
            inspector.runs().manifest(id); // an id that was never a run's is a 404
            throw Problem.of(Problem.Kind.CONFLICT, "the run is finished already")
                    .where("run " + id);
        }
        Replies.json(ctx, 202, new Cancelling(id, "cancelling"));
    }
}
