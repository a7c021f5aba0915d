package org.llminspector.web.server.api;

import io.javalin.config.RoutesConfig;
import io.javalin.http.Context;
import java.io.IOException;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.llminspector.base.Problem;
import org.llminspector.base.Slice;
import org.llminspector.base.Tensor;
import org.llminspector.engine.Precision;
import org.llminspector.engine.PrecisionPlan;
import org.llminspector.run.Analyses;
import org.llminspector.run.inspect.heads.Heads;
import org.llminspector.run.inspect.heads.RecurrentHeads;
import org.llminspector.run.models.Models;
import org.llminspector.web.server.http.Replies;
import org.llminspector.web.server.http.Requests;
import org.llminspector.web.server.http.Routes;
import org.llminspector.web.server.tensor.TensorFormat;
import org.llminspector.web.server.tensor.TensorReply;

/** Routes of attention heads: scores, patterns, effects on logits, circuits of the weights. */
public final class HeadRoutes implements Routes {

    record HeadsRequest(String run) {}

    record RepeatedRequest(String model, String engine, Precision precision, Long seed, Integer length) {}

    record EffectsRequest(String run, Integer pos, Integer token, Integer against) {}

    record CircuitsRequest(
            String model,
            Integer layer,
            Integer head,
            Integer distance,
            List<Integer> ids,
            Boolean words,
            Integer top) {}

    record CompositionsRequest(String model, Integer layer, Integer head) {}

    /** A run's patterns never change, and its id is never used again. */
    private static final String FOREVER = "private, max-age=31536000, immutable";

    private static final int MOST_TOP = 100;
    private static final int MOST_THUMBNAIL = 64;
    private static final int MOST_TILE = 1024;

    private final Models models;
    private final Analyses analyses;
    private final Heads heads;

    public HeadRoutes(Models models, Analyses analyses) {
        this.models = models;
        this.analyses = analyses;
        this.heads = analyses.heads();
    }

    @Override
    public void register(RoutesConfig routes) {
        routes.post("/api/v1/heads", this::profiles);
        routes.post("/api/v1/heads/repeated", this::repeated);
        routes.post("/api/v1/heads/effects", this::effects);
        routes.post("/api/v1/heads/circuits", this::circuits);
        routes.post("/api/v1/heads/compositions", this::compositions);
        routes.get("/api/v1/runs/{id}/patterns", this::thumbnails);
        routes.get("/api/v1/runs/{id}/patterns/{layer}/{head}", this::tile);
        routes.get("/api/v1/runs/{id}/effective/{layer}", this::effective);
    }

    private void profiles(Context ctx) throws IOException {
        HeadsRequest r = Requests.body(ctx, HeadsRequest.class);
        Replies.json(ctx, heads.profiles(Requests.required(r.run(), "run")));
    }

    private void repeated(Context ctx) throws IOException {
        RepeatedRequest r = Requests.body(ctx, RepeatedRequest.class);
        long seed = r.seed() == null ? 0 : r.seed();
        PrecisionPlan plan = PrecisionPlan.of(r.precision(), null);
        Replies.json(ctx, heads.repeated(models.orDefault(r.model()), r.engine(), plan, seed, r.length()));
    }

    private void effects(Context ctx) throws IOException {
        EffectsRequest r = Requests.body(ctx, EffectsRequest.class);
        Replies.json(
                ctx,
                analyses.attribution().effects(Requests.required(r.run(), "run"), r.pos(), r.token(), r.against()));
    }

    private void circuits(Context ctx) throws IOException {
        CircuitsRequest r = Requests.body(ctx, CircuitsRequest.class);
        int layer = Requests.required(r.layer(), "layer");
        int head = Requests.required(r.head(), "head");
        int top = r.top() == null ? 10 : r.top();
        if (top < 1 || top > MOST_TOP) {
            throw Problem.invalid("the number is out of its range")
                    .where("top")
                    .expected("1 to " + MOST_TOP)
                    .found(top);
        }
        List<Integer> ids = r.ids() == null ? List.of() : r.ids();
        if (ids.contains(null)) throw Problem.invalid("an id is missing").where("ids");
        boolean words = r.words() == null || r.words();
        int distance = r.distance() == null ? 0 : r.distance();
        Replies.json(
                ctx, analyses.circuits().circuits(models.orDefault(r.model()), layer, head, distance, ids, words, top));
    }

    private void compositions(Context ctx) throws IOException {
        CompositionsRequest r = Requests.body(ctx, CompositionsRequest.class);
        int layer = Requests.required(r.layer(), "layer");
        int head = Requests.required(r.head(), "head");
        Replies.json(ctx, analyses.circuits().compositions(models.orDefault(r.model()), layer, head));
    }

    private void thumbnails(Context ctx) throws IOException {
        TensorFormat format = TensorFormat.accepted(ctx);
        int size = Requests.number(ctx, "size", Heads.THUMBNAIL, 1, MOST_THUMBNAIL);
        Tensor all = heads.thumbnails(ctx.pathParam("id"), size);
        reply(ctx, format, "patterns", List.of("layer", "head", "query", "key"), all);
    }

    private void tile(Context ctx) throws IOException {
        TensorFormat format = TensorFormat.accepted(ctx);
        int size = Requests.number(ctx, "size", 256, 1, MOST_TILE);
        Tensor tile = heads.tile(
                ctx.pathParam("id"),
                index(ctx, "layer"),
                index(ctx, "head"),
                slice(ctx, "query"),
                slice(ctx, "key"),
                size);
        reply(ctx, format, "pattern", List.of("query", "key"), tile);
    }

    private void effective(Context ctx) throws IOException {
        TensorFormat format = TensorFormat.accepted(ctx);
        RecurrentHeads.Effective e = analyses.recurrences()
                .effective(ctx.pathParam("id"), index(ctx, "layer"), slice(ctx, "head"), slice(ctx, "query"));
        Map<String, Object> head = new LinkedHashMap<>();
        head.put("run", e.run());
        head.put("layer", e.layer());
        head.put("kind", e.kind());
        head.put("convention", e.convention());
        head.put("of", e.of());
        head.put("channels", e.channels());
        head.put("exact", e.exact());
        head.put("difference", e.difference());
        head.put("half_lives", e.halfLives());
        head.put("first_head", e.heads());
        head.put("first_query", e.queries());
        reply(ctx, format, "effective", List.of("head", "query", "key"), e.weights(), head);
    }

    private static void reply(Context ctx, TensorFormat format, String name, List<String> axes, Tensor tensor)
            throws IOException {
        reply(ctx, format, name, axes, tensor, new LinkedHashMap<>());
    }

    private static void reply(
            Context ctx, TensorFormat format, String name, List<String> axes, Tensor tensor, Map<String, Object> head)
            throws IOException {
        TensorReply.check(format, tensor.size(), name);
        ctx.header("Cache-Control", FOREVER);
        ctx.header("Vary", "Accept");
        head.put("shape", tensor.shape());
        head.put("axes", axes);
        TensorReply.write(ctx, format, name, head, tensor);
    }

    private static int index(Context ctx, String name) {
        try {
            return Integer.parseInt(ctx.pathParam(name));
        } catch (NumberFormatException e) {
            throw Problem.invalid("the address names no " + name)
                    .where(name)
                    .expected("a whole number")
                    .found('"' + ctx.pathParam(name) + '"');
        }
    }

    private static Slice slice(Context ctx, String name) {
        String text = ctx.queryParam(name);
        return text == null ? Slice.ALL : Slice.parse(text, name);
    }
}
