package org.llminspector.web.server;

import io.javalin.config.RoutesConfig;
import io.javalin.http.Context;
import java.io.IOException;
import java.util.List;
import org.llminspector.run.Costs;
import org.llminspector.run.Inspector;
import org.llminspector.run.store.RunRequest;

/** CostRoutes say what the parts of a model's work take: by the spec, and measured. No run is kept. */
final class CostRoutes {

    record CostRequest(RunRequest request, Integer past, Integer tokens, List<Integer> contexts) {}

    record TimelineRequest(RunRequest request, Integer positions, Integer repeats) {}

    private final Costs costs;

    CostRoutes(Inspector inspector) {
        this.costs = inspector.costs();
    }

    void register(RoutesConfig routes) {
        routes.post("/api/v1/cost", this::cost);
        routes.post("/api/v1/timeline", this::timeline);
    }

    private void cost(Context ctx) throws IOException {
        CostRequest r = Requests.body(ctx, CostRequest.class);
        RunRequest request = r.request() == null ? RunRequest.builder().build() : r.request();
        Replies.json(ctx, costs.cost(request, r.past(), r.tokens(), r.contexts()));
    }

    private void timeline(Context ctx) throws IOException {
        TimelineRequest r = Requests.body(ctx, TimelineRequest.class);
        Replies.json(ctx, costs.timeline(Requests.required(r.request(), "request"), r.positions(), r.repeats()));
    }
}
