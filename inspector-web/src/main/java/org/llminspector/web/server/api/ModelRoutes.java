package org.llminspector.web.server.api;

import io.javalin.config.RoutesConfig;
import io.javalin.http.Context;
import java.io.IOException;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.llminspector.engine.Precision;
import org.llminspector.engine.PrecisionPlan;
import org.llminspector.run.models.HookDescription;
import org.llminspector.run.models.Models;
import org.llminspector.run.request.RunRequest;
import org.llminspector.web.server.http.Events;
import org.llminspector.web.server.http.Replies;
import org.llminspector.web.server.http.Requests;
import org.llminspector.web.server.http.Routes;
import org.llminspector.web.server.http.RunEvent;
import org.llminspector.web.server.http.RunStream;

/** Routes of this machine's models and their hooks. */
public final class ModelRoutes implements Routes {

    record Hooks(List<HookDescription> hooks) {}

    record OpenRequest(String engine, String device, Precision precision, PrecisionPlan precisionPlan) {}

    private final Models models;
    private final RunStream stream;

    public ModelRoutes(Models models, RunStream stream) {
        this.models = models;
        this.stream = stream;
    }

    @Override
    public void register(RoutesConfig routes) {
        routes.get("/api/v1/models", this::models);
        routes.get("/api/v1/models/{slug}", ctx -> Replies.json(ctx, models.details(slug(ctx))));
        routes.get("/api/v1/models/{slug}/forms", ctx -> Replies.json(ctx, models.forms(slug(ctx))));
        routes.post("/api/v1/models/{slug}/open", this::open);
        routes.get("/api/v1/models/{slug}/hooks", this::hooks);
    }

    private static String slug(Context ctx) {
        return ctx.pathParam("slug");
    }

    private void models(Context ctx) throws IOException {
        Map<String, Object> answer = new LinkedHashMap<>();
        String standard = SystemRoutes.defaultModel(models);
        if (standard != null) answer.put("default", standard);
        answer.put("models", models.list());
        answer.put("catalog", models.catalog());
        Replies.json(ctx, answer);
    }

    private void open(Context ctx) throws Exception {
        OpenRequest how = Requests.optionalBody(ctx, OpenRequest.class);
        RunRequest request = RunRequest.builder()
                .model(slug(ctx))
                .engine(how.engine())
                .device(how.device())
                .precision(how.precision())
                .precisionPlan(how.precisionPlan())
                .build();
        String accept = ctx.header("Accept");
        if (accept == null || !accept.contains("text/event-stream")) {
            Replies.json(ctx, models.load(request));
            return;
        }
        Events events = new Events();
        stream.answer(
                ctx, events, () -> models.load(request, p -> events.send(new RunEvent("progress", p)), () -> false));
    }

    private void hooks(Context ctx) throws IOException {
        Replies.json(ctx, new Hooks(models.hooks(slug(ctx), ctx.queryParam("engine"))));
    }
}
