package org.llminspector.web.server.api;

import io.javalin.config.RoutesConfig;
import io.javalin.http.Context;
import java.io.IOException;
import org.llminspector.engine.Precision;
import org.llminspector.engine.PrecisionPlan;
import org.llminspector.run.Analyses;
import org.llminspector.run.models.Models;
import org.llminspector.web.server.http.Replies;
import org.llminspector.web.server.http.Requests;
import org.llminspector.web.server.http.Routes;

/** Routes of neurons and feed-forward parts: inputs, outputs, activations over a text, Fourier analysis. */
public final class NeuronRoutes implements Routes {

    record NeuronRequest(
            String run, Integer layer, Integer neuron, Integer pos, Integer token, Integer top, Integer tokens) {}

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

    record ClockRequest(String model, Integer second, Integer top) {}

    /** Most rows of an answer. */
    private static final int MOST = 1_000;

    private final Models models;
    private final Analyses analyses;

    public NeuronRoutes(Models models, Analyses analyses) {
        this.models = models;
        this.analyses = analyses;
    }

    @Override
    public void register(RoutesConfig routes) {
        routes.post("/api/v1/neuron", this::neuron);
        routes.post("/api/v1/neuron/activations", this::activations);
        routes.post("/api/v1/feedforward", this::feedForward);
        routes.post("/api/v1/clock", this::clock);
    }

    private void neuron(Context ctx) throws IOException {
        NeuronRequest r = Requests.body(ctx, NeuronRequest.class);
        String run = Requests.required(r.run(), "run");
        int layer = Requests.required(r.layer(), "layer");
        int neuron = Requests.required(r.neuron(), "neuron");
        int top = Requests.count(r.top(), 10, 1, MOST, "top");
        int tokens = Requests.count(r.tokens(), top, 1, MOST, "tokens");
        Replies.json(ctx, analyses.neurons().neuron(run, layer, neuron, r.pos(), r.token(), top, tokens));
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
                                models.orDefault(r.model()),
                                r.engine(),
                                PrecisionPlan.of(r.precision(), null),
                                layer,
                                neuron,
                                text,
                                Requests.count(r.top(), 10, 1, MOST, "top"),
                                Requests.count(r.around(), 8, 0, 100, "around")));
    }

    private void feedForward(Context ctx) throws IOException {
        FeedForwardRequest r = Requests.body(ctx, FeedForwardRequest.class);
        String run = Requests.required(r.run(), "run");
        int layer = Requests.required(r.layer(), "layer");
        Replies.json(
                ctx,
                analyses.feedForwards().feedForward(run, layer, r.pos(), Requests.count(r.top(), 20, 1, MOST, "top")));
    }

    private void clock(Context ctx) throws IOException {
        ClockRequest r = Requests.body(ctx, ClockRequest.class);
        int second = r.second() == null ? 0 : r.second();
        Replies.json(
                ctx,
                analyses.fourier()
                        .clock(models.orDefault(r.model()), second, Requests.count(r.top(), 4, 1, MOST, "top")));
    }
}
