package org.llminspector.web.server.api;

import io.javalin.config.RoutesConfig;
import io.javalin.http.Context;
import java.io.IOException;
import java.util.List;
import org.llminspector.base.Problem;
import org.llminspector.base.Version;
import org.llminspector.engine.Capabilities;
import org.llminspector.engine.Device;
import org.llminspector.run.models.Models;
import org.llminspector.run.work.RunQueue;
import org.llminspector.web.server.http.Metrics;
import org.llminspector.web.server.http.Replies;
import org.llminspector.web.server.http.Routes;

/** Routes of the server's state: health, devices, engines, metrics. */
public final class SystemRoutes implements Routes {

    record Health(String status, String version, long uptimeS, String defaultModel, RunQueue.Status queue) {}

    record Devices(List<Device> devices) {}

    record Engines(List<Capabilities> engines, Models.Memory memory) {}

    public static final String HEALTH = "/api/v1/health";

    private final Models models;
    private final RunQueue queue;
    private final Metrics metrics;
    private final long started = System.nanoTime();

    public SystemRoutes(Models models, RunQueue queue, Metrics metrics) {
        this.models = models;
        this.queue = queue;
        this.metrics = metrics;
    }

    @Override
    public void register(RoutesConfig routes) {
        routes.get(HEALTH, this::health);
        routes.get("/api/v1/devices", ctx -> Replies.json(ctx, new Devices(models.devices())));
        routes.get("/api/v1/engines", ctx -> Replies.json(ctx, new Engines(models.engines(), models.memory())));
        routes.get("/api/v1/memory", ctx -> Replies.json(ctx, models.memory()));
        routes.get("/metrics", ctx -> ctx.contentType("text/plain; version=0.0.4; charset=utf-8")
                .result(metrics.scrape()));
    }

    private void health(Context ctx) throws IOException {
        long uptime = (System.nanoTime() - started) / 1_000_000_000;
        Replies.json(ctx, new Health("ok", Version.STRING, uptime, defaultModel(models), queue.status()));
    }

    /** Null when there is no model. */
    static String defaultModel(Models models) {
        try {
            return models.defaultSlug();
        } catch (Problem none) {
            return null;
        }
    }
}
