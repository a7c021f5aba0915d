package org.llminspector.web.server.api;

import io.javalin.config.RoutesConfig;
import io.javalin.http.Context;
import java.io.IOException;
import java.util.List;
import org.llminspector.run.inspect.embeddings.Embeddings;
import org.llminspector.run.models.Models;
import org.llminspector.web.server.http.Replies;
import org.llminspector.web.server.http.Requests;
import org.llminspector.web.server.http.Routes;

/** Routes of the embedding and unembedding matrices: neighbours, maps, norms, waves. */
public final class EmbeddingRoutes implements Routes {

    record NeighboursRequest(
            String model, Embeddings.Table table, Embeddings.Of of, Embeddings.Metric metric, Integer top) {}

    record MapRequest(String model, Embeddings.Table table, List<Integer> ids, List<Embeddings.Captured> vectors) {}

    record TableNormsRequest(String model, Embeddings.Table table, Integer bins, Integer top) {}

    record WavesRequest(String model, Embeddings.Table table, Integer period, Integer planes) {}

    /** Most rows of an answer. */
    private static final int MOST = 1_000;

    private final Models models;
    private final Embeddings embeddings;

    public EmbeddingRoutes(Models models, Embeddings embeddings) {
        this.models = models;
        this.embeddings = embeddings;
    }

    @Override
    public void register(RoutesConfig routes) {
        routes.post("/api/v1/embeddings/neighbours", this::neighbours);
        routes.post("/api/v1/embeddings/map", this::map);
        routes.post("/api/v1/embeddings/norms", this::norms);
        routes.post("/api/v1/embeddings/waves", this::waves);
    }

    private void neighbours(Context ctx) throws IOException {
        NeighboursRequest r = Requests.body(ctx, NeighboursRequest.class);
        Embeddings.Metric metric = r.metric() == null ? Embeddings.Metric.COSINE : r.metric();
        int top = Requests.count(r.top(), 10, 1, MOST, "top");
        Replies.json(ctx, embeddings.neighbours(models.orDefault(r.model()), table(r.table()), r.of(), metric, top));
    }

    private void map(Context ctx) throws IOException {
        MapRequest r = Requests.body(ctx, MapRequest.class);
        List<Embeddings.Captured> vectors = r.vectors() == null ? List.of() : r.vectors();
        Replies.json(ctx, embeddings.map(models.orDefault(r.model()), table(r.table()), r.ids(), vectors));
    }

    private void norms(Context ctx) throws IOException {
        TableNormsRequest r = Requests.body(ctx, TableNormsRequest.class);
        int bins = Requests.count(r.bins(), 40, 1, MOST, "bins");
        Replies.json(
                ctx,
                embeddings.norms(
                        models.orDefault(r.model()),
                        table(r.table()),
                        bins,
                        Requests.count(r.top(), 10, 1, MOST, "top")));
    }

    private void waves(Context ctx) throws IOException {
        WavesRequest r = Requests.body(ctx, WavesRequest.class);
        int planes = Requests.count(r.planes(), 4, 0, MOST, "planes");
        Replies.json(ctx, embeddings.waves(models.orDefault(r.model()), table(r.table()), r.period(), planes));
    }

    private static Embeddings.Table table(Embeddings.Table named) {
        return named == null ? Embeddings.Table.EMBED : named;
    }
}
