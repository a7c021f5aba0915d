package org.llminspector.web.server.api;

import io.javalin.config.RoutesConfig;
import io.javalin.http.Context;
import java.io.IOException;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.llminspector.base.Problem;
import org.llminspector.base.Tensor;
import org.llminspector.hook.HookId;
import org.llminspector.hook.HookPoint;
import org.llminspector.run.compare.Comparisons;
import org.llminspector.run.compare.Distances;
import org.llminspector.run.request.ComparisonRequest;
import org.llminspector.run.store.ComparedToken;
import org.llminspector.run.store.ComparisonManifest;
import org.llminspector.run.sweep.SweepJobs;
import org.llminspector.run.work.RunQueue;
import org.llminspector.web.report.ComparisonReport;
import org.llminspector.web.report.ComparisonTables;
import org.llminspector.web.server.http.Events;
import org.llminspector.web.server.http.LiveComparison;
import org.llminspector.web.server.http.Replies;
import org.llminspector.web.server.http.Requests;
import org.llminspector.web.server.http.Routes;
import org.llminspector.web.server.http.RunStream;
import org.llminspector.web.server.tensor.TensorFormat;
import org.llminspector.web.server.tensor.TensorReply;

/** Routes that make, list, read and delete comparisons. */
public final class ComparisonRoutes implements Routes {

    record Listed(List<Comparisons.Summary> comparisons) {}

    record Tokens(String part, int from, List<ComparedToken> tokens) {}

    private static final int MOST_TOKENS = 10_000;
    private static final String FOREVER = "private, max-age=31536000, immutable";

    private final RunQueue queue;
    private final Comparisons comparisons;
    private final SweepJobs sweeps;
    private final RunStream stream;

    public ComparisonRoutes(Comparisons comparisons, SweepJobs sweeps, RunQueue queue, RunStream stream) {
        this.sweeps = sweeps;
        this.queue = queue;
        this.comparisons = comparisons;
        this.stream = stream;
    }

    @Override
    public void register(RoutesConfig routes) {
        routes.post(
                "/api/v1/distances",
                ctx -> Replies.json(ctx, comparisons.distances(Requests.body(ctx, Distances.Request.class))));
        routes.post("/api/v1/comparisons", this::compare);
        routes.get("/api/v1/comparisons", this::list);
        routes.get("/api/v1/comparisons/{id}", ctx -> Replies.json(ctx, comparisons.manifest(id(ctx))));
        routes.delete("/api/v1/comparisons/{id}", this::delete);
        routes.post("/api/v1/comparisons/{id}/cancel", this::cancel);
        routes.get("/api/v1/comparisons/{id}/divergence", this::divergence);
        routes.get("/api/v1/comparisons/{id}/cells/{hook}", this::cell);
        routes.get("/api/v1/comparisons/{id}/tokens", this::tokens);
        routes.get("/api/v1/comparisons/{id}/report.html", this::report);
        routes.get("/api/v1/comparisons/{id}/hooks.csv", this::hooksCsv);
        routes.get("/api/v1/comparisons/{id}/tokens.csv", this::tokensCsv);
        routes.get("/api/v1/comparisons/{id}/flips.csv", this::flipsCsv);
        routes.get("/api/v1/comparisons/{id}/sensitivity.csv", this::sensitivityCsv);
    }

    private static String id(Context ctx) {
        return ctx.pathParam("id");
    }

    private void compare(Context ctx) throws Exception {
        ComparisonRequest request = Requests.body(ctx, ComparisonRequest.class);
        String accept = ctx.header("Accept");
        if (accept != null && accept.contains("text/event-stream")) {
            Events events = new Events();
            LiveComparison live = new LiveComparison(events::send);
            stream.answer(ctx, events, () -> live.compare(comparisons, request, sweeps::located));
            return;
        }
        ComparisonManifest manifest = new LiveComparison(event -> {}).compare(comparisons, request, sweeps::located);
        ctx.header("Location", "/api/v1/comparisons/" + manifest.id());
        Replies.json(ctx, 201, manifest);
    }

    private void list(Context ctx) throws IOException {
        int limit = Requests.number(ctx, "limit", 50, 1, 1000);
        Replies.json(ctx, new Listed(comparisons.list(limit, ctx.queryParam("before"))));
    }

    private void delete(Context ctx) {
        comparisons.delete(id(ctx));
        ctx.status(204);
    }

    private void cancel(Context ctx) throws IOException {
        if (!queue.cancel(id(ctx))) {
            comparisons.manifest(id(ctx)); // an id that never existed is a 404
            throw Problem.of(Problem.Kind.CONFLICT, "the comparison is finished already")
                    .where("comparison " + id(ctx));
        }
        Replies.json(ctx, 202, new RunRoutes.Cancelling(id(ctx), "cancelling"));
    }

    private void divergence(Context ctx) throws IOException {
        HookPoint point = HookPoint.named(Requests.required(ctx.queryParam("point"), "point"), "point");
        String metric = ctx.queryParam("metric") == null ? "relative_l2" : ctx.queryParam("metric");
        Tensor values = comparisons.divergence(id(ctx), point, metric);
        Map<String, Object> head = new LinkedHashMap<>();
        head.put("point", point.template());
        head.put("metric", metric);
        head.put("shape", values.shape());
        head.put("axes", values.rank() == 2 ? List.of("layer", "pos") : List.of("layer", "head", "pos"));
        kept(ctx, metric, head, values);
    }

    /** Answers with one immutable tensor. */
    private static void kept(Context ctx, String name, Map<String, ?> head, Tensor values) throws IOException {
        TensorFormat format = TensorFormat.accepted(ctx);
        TensorReply.check(format, values.size(), name);
        ctx.header("Cache-Control", FOREVER);
        ctx.header("Vary", "Accept");
        TensorReply.write(ctx, format, name, head, values);
    }

    private void cell(Context ctx) throws IOException {
        HookId hook = HookId.parse(ctx.pathParam("hook"));
        String side = ctx.queryParam("side") == null ? "difference" : ctx.queryParam("side");
        if (!List.of("a", "b", "difference").contains(side)) {
            throw Problem.invalid("there is no such side")
                    .where("side")
                    .expected("a, b or difference")
                    .found('"' + side + '"');
        }
        int pos = Requests.number(ctx, "pos", -1, -1_000_000, 1_000_000);
        Comparisons.Cell cell = comparisons.cell(id(ctx), hook, pos);
        Tensor values =
                switch (side) {
                    case "a" -> cell.a();
                    case "b" -> cell.b();
                    default -> cell.difference();
                };
        Map<String, Object> head = new LinkedHashMap<>();
        head.put("hook", hook);
        head.put("position", cell.position());
        head.put("side", side);
        head.put("shape", values.shape());
        head.put("axes", cell.axes());
        kept(ctx, side, head, values);
    }

    private void tokens(Context ctx) throws IOException {
        Comparisons.Part part = part(ctx);
        int from = Requests.number(ctx, "from", 0, 0, Integer.MAX_VALUE);
        int limit = Requests.number(ctx, "limit", 1000, 1, MOST_TOKENS);
        ctx.header("Cache-Control", FOREVER);
        String name = part.name().toLowerCase(Locale.ROOT);
        Replies.json(ctx, new Tokens(name, from, comparisons.tokens(id(ctx), part, from, limit)));
    }

    private static Comparisons.Part part(Context ctx) {
        String name = ctx.queryParam("part") == null ? "prompt" : ctx.queryParam("part");
        return Arrays.stream(Comparisons.Part.values())
                .filter(p -> p.name().equalsIgnoreCase(name))
                .findFirst()
                .orElseThrow(() -> Problem.invalid("there is no such part")
                        .where("part")
                        .expected("prompt or text")
                        .found('"' + name + '"'));
    }

    private void report(Context ctx) throws IOException {
        String html = new ComparisonReport(comparisons, comparisons.manifest(id(ctx))).html();
        ctx.header(
                "Content-Security-Policy",
                "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; frame-ancestors 'none'");
        ctx.contentType("text/html; charset=utf-8").result(html);
    }

    private void hooksCsv(Context ctx) throws IOException {
        csv(ctx, "hooks", ComparisonTables.hooks(comparisons.manifest(id(ctx))));
    }

    private void tokensCsv(Context ctx) throws IOException {
        Comparisons.Part part = part(ctx);
        csv(ctx, "tokens", ComparisonTables.tokens(comparisons.tokens(id(ctx), part, 0, Integer.MAX_VALUE)));
    }

    private void flipsCsv(Context ctx) throws IOException {
        csv(ctx, "flips", ComparisonTables.flips(comparisons.tokens(id(ctx), part(ctx), 0, Integer.MAX_VALUE)));
    }

    private void sensitivityCsv(Context ctx) throws IOException {
        ComparisonManifest m = comparisons.manifest(id(ctx));
        if (m.sensitivity() == null) {
            throw Problem.notFound("the comparison did not ask what modules are worth")
                    .where("comparison " + m.id())
                    .instead("compare again with \"sensitivity\": {}");
        }
        csv(ctx, "sensitivity", ComparisonTables.sensitivity(m.sensitivity()));
    }

    private static void csv(Context ctx, String name, String table) {
        ctx.header("Content-Disposition", "attachment; filename=\"" + id(ctx) + "-" + name + ".csv\"");
        ctx.contentType("text/csv; charset=utf-8").result(table);
    }
}
