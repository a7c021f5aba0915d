package org.llminspector.web.server.api;

import com.fasterxml.jackson.databind.JsonNode;
import io.javalin.config.RoutesConfig;
import io.javalin.http.Context;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import org.llminspector.base.Problem;
import org.llminspector.base.Slice;
import org.llminspector.engine.Precision;
import org.llminspector.hook.HookPoint;
import org.llminspector.run.Analyses;
import org.llminspector.run.models.Models;
import org.llminspector.run.request.RunRequest;
import org.llminspector.web.server.http.Replies;
import org.llminspector.web.server.http.Requests;
import org.llminspector.web.server.http.Routes;

/** Routes of analyses of finished runs: logit lens, norms, attention reads of a query, changes by an intervention. */
public final class AnalysisRoutes implements Routes {

    /** A text is a string, or its ids. */
    record DirectionRequest(
            String model,
            String engine,
            String device,
            Precision precision,
            List<JsonNode> positive,
            List<JsonNode> negative,
            String hook,
            Integer pos) {}

    record LensRequest(String run, String hook, Integer top, String positions) {}

    record NormsRequest(String run) {}

    record ReadsRequest(String run, Integer query) {}

    record ShiftRequest(String run, String after, Integer pos, Integer top) {}

    private static final int MAX_TOP = 100;

    private final Models models;
    private final Analyses analyses;

    public AnalysisRoutes(Models models, Analyses analyses) {
        this.models = models;
        this.analyses = analyses;
    }

    @Override
    public void register(RoutesConfig routes) {
        routes.post("/api/v1/directions", this::differenceOfMeans);
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

    private void differenceOfMeans(Context ctx) throws IOException {
        DirectionRequest r = Requests.body(ctx, DirectionRequest.class);
        RunRequest how = RunRequest.builder()
                .model(models.orDefault(r.model()))
                .engine(r.engine())
                .device(r.device())
                .precision(r.precision())
                .build();
        List<RunRequest> positive = texts(Requests.required(r.positive(), "positive"), "positive");
        List<RunRequest> negative = texts(Requests.required(r.negative(), "negative"), "negative");
        String hook = Requests.required(r.hook(), "hook");
        Replies.json(
                ctx,
                analyses.directions().differenceOfMeans(how, positive, negative, hook, r.pos() == null ? -1 : r.pos()));
    }

    private static List<RunRequest> texts(List<JsonNode> given, String field) {
        List<RunRequest> texts = new ArrayList<>();
        for (JsonNode text : given) {
            List<Integer> ids = new ArrayList<>();
            boolean fits = text.isTextual() || text.isArray();
            for (JsonNode id : text) {
                fits &= id.isIntegralNumber() && id.canConvertToInt();
                ids.add(id.asInt());
            }
            if (!fits) {
                throw Problem.invalid("the field has a value that does not fit")
                        .where(field + "[" + texts.size() + "]")
                        .expected("a text, or its ids")
                        .found(Problem.shown(text.toString()));
            }
            RunRequest request = text.isTextual()
                    ? RunRequest.builder().prompt(text.asText()).build()
                    : RunRequest.builder().tokens(ids).build();
            texts.add(request);
        }
        return texts;
    }
}
