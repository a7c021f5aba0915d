package org.llminspector.web.server.api;

import io.javalin.config.RoutesConfig;
import io.javalin.http.Context;
import java.io.IOException;
import org.llminspector.run.sweep.Evidence;
import org.llminspector.web.server.http.Replies;
import org.llminspector.web.server.http.Requests;
import org.llminspector.web.server.http.Routes;

/** Routes that say what a corpus, as the newest sweep read it, tells of a run's model. */
public final class EvidenceRoutes implements Routes {

    record UnitRequest(String run, String hook, Integer unit) {}

    record RunRequest(String run) {}

    private final Evidence evidence;

    public EvidenceRoutes(Evidence evidence) {
        this.evidence = evidence;
    }

    @Override
    public void register(RoutesConfig routes) {
        routes.post("/api/v1/evidence/unit", this::unit);
        routes.post("/api/v1/evidence/loss", ctx -> Replies.json(ctx, evidence.loss(run(ctx))));
        routes.post("/api/v1/evidence/heads", ctx -> Replies.json(ctx, evidence.heads(run(ctx))));
    }

    private static String run(Context ctx) throws IOException {
        return Requests.required(Requests.body(ctx, RunRequest.class).run(), "run");
    }

    private void unit(Context ctx) throws IOException {
        UnitRequest r = Requests.body(ctx, UnitRequest.class);
        Replies.json(
                ctx,
                evidence.unit(
                        Requests.required(r.run(), "run"),
                        Requests.required(r.hook(), "hook"),
                        Requests.required(r.unit(), "unit")));
    }
}
