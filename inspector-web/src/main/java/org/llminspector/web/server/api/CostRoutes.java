package org.llminspector.web.server.api;

import io.javalin.config.RoutesConfig;
import io.javalin.http.Context;
import java.io.IOException;
import java.util.List;
import org.llminspector.base.Problem;
import org.llminspector.run.Analyses;
import org.llminspector.run.inspect.cost.Benchmarks;
import org.llminspector.run.inspect.cost.Costs;
import org.llminspector.run.inspect.cost.Timelines;
import org.llminspector.run.request.RunRequest;
import org.llminspector.run.work.RunQueue;
import org.llminspector.web.server.http.Events;
import org.llminspector.web.server.http.LiveBenchmark;
import org.llminspector.web.server.http.Replies;
import org.llminspector.web.server.http.Requests;
import org.llminspector.web.server.http.Routes;
import org.llminspector.web.server.http.RunStream;

/** Routes of the cost of a model's parts, computed from the spec and measured. No run is stored. */
public final class CostRoutes implements Routes {

    record CostRequest(RunRequest request, Integer past, Integer tokens, List<Integer> contexts) {}

    record TimelineRequest(RunRequest request, Integer positions, Integer repeats) {}

    private final RunQueue queue;
    private final Costs costs;
    private final Timelines timelines;
    private final Benchmarks benchmarks;
    private final RunStream stream;

    public CostRoutes(Analyses analyses, RunQueue queue, RunStream stream) {
        this.queue = queue;
        this.costs = analyses.costs();
        this.timelines = analyses.timelines();
        this.benchmarks = analyses.benchmarks();
        this.stream = stream;
    }

    @Override
    public void register(RoutesConfig routes) {
        routes.post("/api/v1/cost", this::cost);
        routes.post("/api/v1/timeline", this::timeline);
        routes.post("/api/v1/benchmarks", this::benchmark);
        routes.post("/api/v1/benchmarks/{id}/cancel", this::cancel);
    }

    private void cost(Context ctx) throws IOException {
        CostRequest r = Requests.body(ctx, CostRequest.class);
        RunRequest request = r.request() == null ? RunRequest.builder().build() : r.request();
        Replies.json(ctx, costs.cost(request, r.past(), r.tokens(), r.contexts()));
    }

    private void timeline(Context ctx) throws IOException {
        TimelineRequest r = Requests.body(ctx, TimelineRequest.class);
        Replies.json(ctx, timelines.timeline(Requests.required(r.request(), "request"), r.positions(), r.repeats()));
    }

    private void benchmark(Context ctx) throws Exception {
        LiveBenchmark.Request r = Requests.body(ctx, LiveBenchmark.Request.class);
        String accept = ctx.header("Accept");
        if (accept != null && accept.contains("text/event-stream")) {
            Events events = new Events();
            LiveBenchmark live = new LiveBenchmark(events::send);
            stream.answer(ctx, events, () -> live.measure(benchmarks, r));
            return;
        }
        Replies.json(ctx, new LiveBenchmark(event -> {}).measure(benchmarks, r));
    }

    private void cancel(Context ctx) throws IOException {
        String id = ctx.pathParam("id");
        if (!queue.cancel(id)) {
            throw Problem.notFound("no such benchmark is under way").where("benchmark " + id);
        }
        Replies.json(ctx, 202, new RunRoutes.Cancelling(id, "cancelling"));
    }
}
