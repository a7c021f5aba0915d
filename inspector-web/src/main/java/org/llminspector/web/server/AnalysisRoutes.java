package org.llminspector.web.server;

import io.javalin.config.RoutesConfig;
import io.javalin.http.Context;
import java.io.IOException;
import org.llminspector.base.Problem;
import org.llminspector.hook.HookPoint;
import org.llminspector.run.Inspector;

/** AnalysisRoutes read meaning out of finished runs: the logit lens, norms, what heads do. */
final class AnalysisRoutes {

    record LensRequest(String run, String hook, Integer top) {}

    record NormsRequest(String run) {}

    record HeadsRequest(String run) {}

    private static final int MAX_TOP = 100;

    private final Inspector inspector;

    AnalysisRoutes(Inspector inspector) {
        this.inspector = inspector;
    }

    void register(RoutesConfig routes) {
        routes.post("/api/v1/lens", this::lens);
        routes.post("/api/v1/norms", this::norms);
        routes.post("/api/v1/heads", this::heads);
    }

    private void lens(Context ctx) throws IOException {
        LensRequest r = Requests.body(ctx, LensRequest.class);
        int top = r.top() == null ? 5 : r.top();
        if (top < 1 || top > MAX_TOP) {
            throw Problem.invalid("the lens shows so many tokens a cell")
                    .where("top")
                    .expected("1 to " + MAX_TOP)
                    .found(top);
        }
        HookPoint point = HookPoint.named(r.hook() == null ? "hook_resid_post" : r.hook(), "hook");
        Replies.json(ctx, inspector.analyses().lens(Requests.required(r.run(), "run"), point, top));
    }

    private void norms(Context ctx) throws IOException {
        NormsRequest r = Requests.body(ctx, NormsRequest.class);
        Replies.json(ctx, inspector.analyses().norms(Requests.required(r.run(), "run")));
    }

    private void heads(Context ctx) throws IOException {
        HeadsRequest r = Requests.body(ctx, HeadsRequest.class);
        Replies.json(ctx, inspector.analyses().heads(Requests.required(r.run(), "run")));
    }
}
