package org.llminspector.web.server.api;

import io.javalin.config.RoutesConfig;
import io.javalin.http.Context;
import java.io.IOException;
import java.util.List;
import org.llminspector.base.Problem;
import org.llminspector.run.lab.Analysis;
import org.llminspector.run.lab.Labs;
import org.llminspector.run.request.AnalysisRequest;
import org.llminspector.run.work.RunQueue;
import org.llminspector.web.server.http.Events;
import org.llminspector.web.server.http.LiveAnalysis;
import org.llminspector.web.server.http.Replies;
import org.llminspector.web.server.http.Requests;
import org.llminspector.web.server.http.Routes;
import org.llminspector.web.server.http.RunStream;

/** Routes that make, list, read and delete causal analyses. */
public final class LabRoutes implements Routes {

    record Listed(List<Labs.Summary> analyses) {}

    private final Labs labs;
    private final RunQueue queue;
    private final RunStream stream;

    public LabRoutes(Labs labs, RunQueue queue, RunStream stream) {
        this.labs = labs;
        this.queue = queue;
        this.stream = stream;
    }

    @Override
    public void register(RoutesConfig routes) {
        routes.post("/api/v1/analyses", this::analyse);
        routes.get("/api/v1/analyses", this::list);
        routes.get("/api/v1/analyses/{id}", ctx -> Replies.json(ctx, labs.get(id(ctx))));
        routes.delete("/api/v1/analyses/{id}", this::delete);
        routes.post("/api/v1/analyses/{id}/cancel", this::cancel);
    }

    private static String id(Context ctx) {
        return ctx.pathParam("id");
    }

    private void analyse(Context ctx) throws Exception {
        AnalysisRequest request = Requests.body(ctx, AnalysisRequest.class);
        String accept = ctx.header("Accept");
        if (accept != null && accept.contains("text/event-stream")) {
            Events events = new Events();
            LiveAnalysis live = new LiveAnalysis(events::send);
            stream.answer(ctx, events, () -> live.analyse(labs, request));
            return;
        }
        Analysis analysis = new LiveAnalysis(event -> {}).analyse(labs, request);
        ctx.header("Location", "/api/v1/analyses/" + analysis.id());
        Replies.json(ctx, 201, analysis);
    }

    private void list(Context ctx) throws IOException {
        int limit = Requests.number(ctx, "limit", 50, 1, 1000);
        Replies.json(ctx, new Listed(labs.list(limit, ctx.queryParam("before"))));
    }

    private void delete(Context ctx) {
        labs.delete(id(ctx));
        ctx.status(204);
    }

    private void cancel(Context ctx) throws IOException {
        if (!queue.cancel(id(ctx))) {
            labs.get(id(ctx)); // an id that never existed is a 404
            throw Problem.of(Problem.Kind.CONFLICT, "the analysis is finished already")
                    .where("analysis " + id(ctx));
        }
        Replies.json(ctx, 202, new RunRoutes.Cancelling(id(ctx), "cancelling"));
    }
}
