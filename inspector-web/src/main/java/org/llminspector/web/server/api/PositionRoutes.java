package org.llminspector.web.server.api;

import io.javalin.config.RoutesConfig;
import io.javalin.http.Context;
import java.io.IOException;
import org.llminspector.run.Analyses;
import org.llminspector.web.server.http.Replies;
import org.llminspector.web.server.http.Requests;
import org.llminspector.web.server.http.Routes;

/** Routes of position encoding: RoPE's angles, attention scores at other distances, a shifted prompt. */
public final class PositionRoutes implements Routes {

    record RangesRequest(String run, Integer most) {}

    record DistancesRequest(String run, Integer layer, Integer head, Integer query, Integer key, Integer most) {}

    record MoveRequest(String run, Integer by, Integer layer) {}

    private static final int DISTANCE = 64;
    private static final int ROWS = 64;
    private static final int MOST_ROWS = 256;

    private final Analyses analyses;

    public PositionRoutes(Analyses analyses) {
        this.analyses = analyses;
    }

    @Override
    public void register(RoutesConfig routes) {
        routes.get("/api/v1/models/{slug}/positions", this::schemes);
        routes.post("/api/v1/positions/heads", this::ranges);
        routes.post("/api/v1/positions/distances", this::distances);
        routes.post("/api/v1/positions/shift", this::shift);
    }

    private void schemes(Context ctx) throws IOException {
        Integer length = ctx.queryParam("length") == null
                ? null
                : (Integer) Requests.number(ctx, "length", 1, 1, Integer.MAX_VALUE);
        Replies.json(
                ctx,
                analyses.positions()
                        .schemes(ctx.pathParam("slug"), length, Requests.number(ctx, "size", ROWS, 2, MOST_ROWS)));
    }

    private void ranges(Context ctx) throws IOException {
        RangesRequest r = Requests.body(ctx, RangesRequest.class);
        Replies.json(ctx, analyses.distances().ranges(Requests.required(r.run(), "run"), most(r.most())));
    }

    private void distances(Context ctx) throws IOException {
        DistancesRequest r = Requests.body(ctx, DistancesRequest.class);
        String run = Requests.required(r.run(), "run");
        int layer = Requests.required(r.layer(), "layer");
        int head = Requests.required(r.head(), "head");
        Replies.json(ctx, analyses.distances().distances(run, layer, head, r.query(), r.key(), most(r.most())));
    }

    private void shift(Context ctx) throws IOException {
        MoveRequest r = Requests.body(ctx, MoveRequest.class);
        String run = Requests.required(r.run(), "run");
        int by = Requests.required(r.by(), "by");
        Replies.json(ctx, analyses.shifts().shift(run, by, r.layer() == null ? 0 : r.layer()));
    }

    private static int most(Integer wanted) {
        return wanted == null ? DISTANCE : wanted;
    }
}
