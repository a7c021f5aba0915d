package org.llminspector.web.server.api;

import io.javalin.config.RoutesConfig;
import io.javalin.http.Context;
import java.io.IOException;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.llminspector.base.DType;
import org.llminspector.base.Problem;
import org.llminspector.base.Tensor;
import org.llminspector.run.Runs;
import org.llminspector.run.Sampling;
import org.llminspector.run.request.RunRequest;
import org.llminspector.web.server.http.Replies;
import org.llminspector.web.server.http.Requests;
import org.llminspector.web.server.http.Routes;
import org.llminspector.web.server.tensor.TensorFormat;
import org.llminspector.web.server.tensor.TensorReply;

/** Routes of next tokens: continuations, distributions, a text's log-probabilities. No run is stored. */
public final class SamplingRoutes implements Routes {

    record ContinuationsRequest(RunRequest request, Integer n) {}

    record ScoresRequest(RunRequest request, String text, List<Integer> tokens, Integer from, Integer top) {}

    record DistributionRequest(RunRequest request, String of, String dtype) {}

    private static final int MAX_TOP = 100;

    private final Sampling sampling;

    public SamplingRoutes(Runs runs) {
        this.sampling = runs.sampling();
    }

    @Override
    public void register(RoutesConfig routes) {
        routes.post("/api/v1/continuations", this::continuations);
        routes.post("/api/v1/logprobs", this::scores);
        routes.post("/api/v1/distribution", this::distribution);
    }

    private void continuations(Context ctx) throws IOException {
        ContinuationsRequest r = Requests.body(ctx, ContinuationsRequest.class);
        int n = r.n() == null ? 10 : r.n();
        Replies.json(ctx, sampling.continuations(Requests.required(r.request(), "request"), n));
    }

    private void scores(Context ctx) throws IOException {
        ScoresRequest r = Requests.body(ctx, ScoresRequest.class);
        int top = r.top() == null ? 5 : r.top();
        if (top < 0 || top > MAX_TOP) {
            throw Problem.invalid("too many tokens to list")
                    .where("top")
                    .expected("0 to " + MAX_TOP)
                    .found(top);
        }
        RunRequest request = Requests.required(r.request(), "request");
        Replies.json(ctx, sampling.scores(request, r.text(), r.tokens(), r.from(), top));
    }

    private void distribution(Context ctx) throws IOException {
        DistributionRequest r = Requests.body(ctx, DistributionRequest.class);
        String of = oneOf(r.of() == null ? "probs" : r.of(), "of", "probs", "logits");
        String dtype = oneOf(r.dtype() == null ? "f32" : r.dtype(), "dtype", "f32", "f16");
        TensorFormat format = TensorFormat.accepted(ctx);
        Sampling.Distribution d = sampling.distribution(Requests.required(r.request(), "request"));
        Tensor exact = of.equals("probs") ? d.probs() : d.logits();
        Tensor sent = dtype.equals("f16") ? exact.as(DType.F16) : exact;
        Map<String, Object> head = new LinkedHashMap<>();
        head.put("model", d.model());
        head.put("position", d.position());
        head.put("reused_positions", d.reusedPositions());
        head.put("dtype", sent.dtype());
        head.put("shape", sent.shape());
        ctx.header("X-Position", String.valueOf(d.position()));
        ctx.header("X-Reused-Positions", String.valueOf(d.reusedPositions()));
        TensorReply.write(ctx, format, of, head, sent);
    }

    private static String oneOf(String given, String field, String... known) {
        String wanted = given.toLowerCase(Locale.ROOT);
        for (String k : known) if (k.equals(wanted)) return k;
        throw Problem.invalid("the field has another value than it may have")
                .where(field)
                .expected(String.join(" or ", known))
                .found('"' + given + '"');
    }
}
