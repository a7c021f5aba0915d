package org.llminspector.web.server.api;

import io.javalin.config.RoutesConfig;
import io.javalin.http.Context;
import java.io.IOException;
import org.llminspector.base.Problem;
import org.llminspector.base.Slice;
import org.llminspector.hook.HookPoint;
import org.llminspector.run.Analyses;
import org.llminspector.web.server.http.Replies;
import org.llminspector.web.server.http.Requests;
import org.llminspector.web.server.http.Routes;

/** Routes of analyses of finished runs: logit lens, norms, attention reads of a query, changes by an intervention. */
public final class AnalysisRoutes implements Routes {

    record LensRequest(String run, String hook, Integer top, String positions) {}

    record NormsRequest(String run) {}

    record ReadsRequest(String run, Integer query) {}

    record ShiftRequest(String run, String after, Integer pos, Integer top) {}

    private static final int MAX_TOP = 100;

    private final Analyses analyses;

    public AnalysisRoutes(Analyses analyses) {
        this.analyses = analyses;
    }

    @Override
    public void register(RoutesConfig routes) {
        routes.post("/api/v1/lens", this::lens);
        routes.post("/api/v1/norms", this::norms);
        routes.post("/api/v1/reads", this::reads);
        routes.post("/api/v1/shift", this::shift);
    }

    private void lens(Context ctx) throws IOException {
        LensRequest r = Requests.body(ctx, LensRequest.class);
        int top = top(r.top(), 5);
        HookPoint point = HookPoint.named(r.hook() == null ? "hook_resid_post" : r.hook(), "hook");
        Slice positions = r.positions() == null ? Slice.ALL : Slice.parse(r.positions(), "positions");
        Replies.json(ctx, analyses.runs().lens(Requests.required(r.run(), "run"), point, top, positions));
    }

    private void norms(Context ctx) throws IOException {
        NormsRequest r = Requests.body(ctx, NormsRequest.class);
        Replies.json(ctx, analyses.runs().norms(Requests.required(r.run(), "run")));
    }

    private void reads(Context ctx) throws IOException {
        ReadsRequest r = Requests.body(ctx, ReadsRequest.class);
        Replies.json(ctx, analyses.runs().reads(Requests.required(r.run(), "run"), r.query()));
    }

    private void shift(Context ctx) throws IOException {
        ShiftRequest r = Requests.body(ctx, ShiftRequest.class);
        String run = Requests.required(r.run(), "run");
        String after = Requests.required(r.after(), "after");
        Replies.json(ctx, analyses.runs().shift(run, after, r.pos(), top(r.top(), 10)));
    }

    private static int top(Integer wanted, int standard) {
        int top = wanted == null ? standard : wanted;
        if (top >= 1 && top <= MAX_TOP) return top;
        throw Problem.invalid("these are too many tokens to list")
                .where("top")
                .expected("1 to " + MAX_TOP)
                .found(top);
    }
}
