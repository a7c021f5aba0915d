package org.llminspector.web.server.api;

import io.javalin.config.RoutesConfig;
import io.javalin.http.Context;
import java.io.IOException;
import java.util.List;
import org.llminspector.base.Problem;
import org.llminspector.engine.Precision;
import org.llminspector.engine.PrecisionPlan;
import org.llminspector.run.Analyses;
import org.llminspector.run.inspect.embeddings.Embeddings;
import org.llminspector.run.models.Models;
import org.llminspector.web.server.http.Replies;
import org.llminspector.web.server.http.Requests;
import org.llminspector.web.server.http.Routes;

/** Routes of neurons and embedding tables: a neuron's inputs and outputs, the rows nearest to a vector. */
public final class NeuronRoutes implements Routes {

    record NeuronRequest(String run, Integer layer, Integer neuron, Integer pos, Integer token, Integer top) {}

    record ActivationsRequest(
            String model,
            String engine,
            Precision precision,
            Integer layer,
            Integer neuron,
            String text,
            Integer top,
            Integer around) {}

    record FeedForwardRequest(String run, Integer layer, Integer pos, Integer top) {}

    record NeighboursRequest(
            String model, Embeddings.Table table, Embeddings.Of of, Embeddings.Metric metric, Integer top) {}

    record MapRequest(String model, Embeddings.Table table, List<Integer> ids, List<Embeddings.Captured> vectors) {}

    record TableNormsRequest(String model, Embeddings.Table table, Integer bins, Integer top) {}

    record WavesRequest(String model, Embeddings.Table table, Integer period, Integer planes) {}

    record ClockRequest(String model, Integer second, Integer top) {}

    /** Most rows of an answer. */
    private static final int MOST = 1_000;

    private final Models models;
    private final Analyses analyses;
    private final Embeddings embeddings;

    public NeuronRoutes(Models models, Analyses analyses) {
        this.models = models;
        this.analyses = analyses;
        this.embeddings = analyses.embeddings();
    }

    @Override
    public void register(RoutesConfig routes) {
        routes.post("/api/v1/neuron", this::neuron);
        routes.post("/api/v1/neuron/activations", this::activations);
        routes.post("/api/v1/feedforward", this::feedForward);
        routes.post("/api/v1/embeddings/neighbours", this::neighbours);
        routes.post("/api/v1/embeddings/map", this::map);
        routes.post("/api/v1/embeddings/norms", this::norms);
        routes.post("/api/v1/embeddings/waves", this::waves);
        routes.post("/api/v1/clock", this::clock);
    }

    private void neuron(Context ctx) throws IOException {
        NeuronRequest r = Requests.body(ctx, NeuronRequest.class);
        String run = Requests.required(r.run(), "run");
        int layer = Requests.required(r.layer(), "layer");
        int neuron = Requests.required(r.neuron(), "neuron");
        Replies.json(
                ctx,
                analyses.neurons().neuron(run, layer, neuron, r.pos(), r.token(), count(r.top(), 10, 1, MOST, "top")));
    }

    private void activations(Context ctx) throws IOException {
        ActivationsRequest r = Requests.body(ctx, ActivationsRequest.class);
        int layer = Requests.required(r.layer(), "layer");
        int neuron = Requests.required(r.neuron(), "neuron");
        String text = Requests.required(r.text(), "text");
        Replies.json(
                ctx,
                analyses.activations()
                        .activations(
                                model(r.model()),
                                r.engine(),
                                PrecisionPlan.of(r.precision(), null),
                                layer,
                                neuron,
                                text,
                                count(r.top(), 10, 1, MOST, "top"),
                                count(r.around(), 8, 0, 100, "around")));
    }

    private void feedForward(Context ctx) throws IOException {
        FeedForwardRequest r = Requests.body(ctx, FeedForwardRequest.class);
        String run = Requests.required(r.run(), "run");
        int layer = Requests.required(r.layer(), "layer");
        Replies.json(ctx, analyses.feedForwards().feedForward(run, layer, r.pos(), count(r.top(), 20, 1, MOST, "top")));
    }

    private void neighbours(Context ctx) throws IOException {
        NeighboursRequest r = Requests.body(ctx, NeighboursRequest.class);
        Embeddings.Metric metric = r.metric() == null ? Embeddings.Metric.COSINE : r.metric();
        int top = count(r.top(), 10, 1, MOST, "top");
        Replies.json(ctx, embeddings.neighbours(model(r.model()), table(r.table()), r.of(), metric, top));
    }

    private void map(Context ctx) throws IOException {
        MapRequest r = Requests.body(ctx, MapRequest.class);
        List<Embeddings.Captured> vectors = r.vectors() == null ? List.of() : r.vectors();
        Replies.json(ctx, embeddings.map(model(r.model()), table(r.table()), r.ids(), vectors));
    }

    private void norms(Context ctx) throws IOException {
        TableNormsRequest r = Requests.body(ctx, TableNormsRequest.class);
        int bins = count(r.bins(), 40, 1, MOST, "bins");
        Replies.json(
                ctx, embeddings.norms(model(r.model()), table(r.table()), bins, count(r.top(), 10, 1, MOST, "top")));
    }

    private void waves(Context ctx) throws IOException {
        WavesRequest r = Requests.body(ctx, WavesRequest.class);
        int planes = count(r.planes(), 4, 0, MOST, "planes");
        Replies.json(ctx, embeddings.waves(model(r.model()), table(r.table()), r.period(), planes));
    }

    private void clock(Context ctx) throws IOException {
        ClockRequest r = Requests.body(ctx, ClockRequest.class);
        int second = r.second() == null ? 0 : r.second();
        Replies.json(ctx, analyses.fourier().clock(model(r.model()), second, count(r.top(), 4, 1, MOST, "top")));
    }

    private static Embeddings.Table table(Embeddings.Table named) {
        return named == null ? Embeddings.Table.EMBED : named;
    }

    private static int count(Integer given, int standard, int least, int most, String field) {
        int n = given == null ? standard : given;
        if (n >= least && n <= most) return n;
        throw Problem.invalid("the number is out of its range")
                .where(field)
                .expected(least + " to " + most)
                .found(n);
    }

    private String model(String named) {
        return named == null ? models.defaultSlug() : named;
    }
}
