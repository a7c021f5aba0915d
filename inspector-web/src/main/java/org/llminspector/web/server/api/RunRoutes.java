package org.llminspector.web.server.api;

import io.javalin.config.RoutesConfig;
import io.javalin.http.Context;
import java.io.IOException;
import java.util.List;
import org.llminspector.base.Problem;
import org.llminspector.run.Runs;
import org.llminspector.run.request.RunRequest;
import org.llminspector.run.store.RunManifest;
import org.llminspector.run.store.RunSummary;
import org.llminspector.run.work.RunQueue;
import org.llminspector.web.server.http.Events;
import org.llminspector.web.server.http.LiveRun;
import org.llminspector.web.server.http.Metrics;
import org.llminspector.web.server.http.Replies;
import org.llminspector.web.server.http.Requests;
import org.llminspector.web.server.http.Routes;
import org.llminspector.web.server.http.RunStream;

/** Routes that make, list, cancel and delete runs. */
public final class RunRoutes implements Routes {

    /** @param active all work that waits or runs; a run in it is not yet in {@code runs} */
    record RunList(List<RunSummary> runs, List<RunQueue.Entry> active) {}

    record Cancelling(String id, String status) {}

    private final Runs runs;
    private final RunQueue work;
    private final Metrics metrics;
    private final RunStream stream;

    public RunRoutes(Runs runs, RunQueue queue, Metrics metrics, RunStream stream) {
        this.runs = runs;
        this.work = queue;
        this.metrics = metrics;
        this.stream = stream;
    }

    @Override
    public void register(RoutesConfig routes) {
        routes.post("/api/v1/runs", this::run);
        routes.get("/api/v1/runs", this::list);
        routes.get("/api/v1/runs/{id}", this::manifest);
        routes.delete("/api/v1/runs/{id}", this::delete);
        routes.post("/api/v1/runs/{id}/cancel", this::cancel);
    }

    private void run(Context ctx) throws Exception {
        RunRequest request = Requests.body(ctx, RunRequest.class);
        String accept = ctx.header("Accept");
        if (accept != null && accept.contains("text/event-stream")) {
            Events events = new Events();
            LiveRun run = new LiveRun(metrics, events::send);
            stream.answer(ctx, events, () -> run.run(runs, request));
            return;
        }
        RunManifest manifest = new LiveRun(metrics, event -> {}).run(runs, request);
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
                new RunList(
                        of == null
                                ? runs.stored().list(limit, before)
                                : runs.stored().branches(of, limit),
                        work.entries()));
    }

    private void manifest(Context ctx) throws IOException {
        String id = ctx.pathParam("id");
        try {
            Replies.json(ctx, runs.stored().manifest(id));
        } catch (Problem p) {
            if (work.entries().stream().noneMatch(e -> e.id().equals(id))) throw p;
            throw Problem.of(Problem.Kind.CONFLICT, "the run has not finished")
                    .where("run " + id)
                    .instead(
                            "wait until GET /runs no longer has it among its active work, or DELETE it, which cancels it");
        }
    }

    /** Cancels a run that waits or runs, as {@link #cancel} does; deletes a stored one. */
    private void delete(Context ctx) throws IOException {
        String id = ctx.pathParam("id");
        if (work.cancel(id)) {
            Replies.json(ctx, 202, new Cancelling(id, "cancelling"));
            return;
        }
        runs.stored().delete(id);
        ctx.status(204);
    }

    private void cancel(Context ctx) throws IOException {
        String id = ctx.pathParam("id");
        if (!work.cancel(id)) {
            runs.stored().manifest(id); // an id that never existed is a 404
            throw Problem.of(Problem.Kind.CONFLICT, "the run is finished already")
                    .where("run " + id);
        }
        Replies.json(ctx, 202, new Cancelling(id, "cancelling"));
    }
}
