package org.llminspector.web.server.api;

import io.javalin.config.RoutesConfig;
import io.javalin.http.Context;
import java.io.IOException;
import java.util.List;
import org.llminspector.base.Problem;
import org.llminspector.base.Version;
import org.llminspector.engine.Capabilities;
import org.llminspector.engine.Device;
import org.llminspector.run.Inspector;
import org.llminspector.run.work.RunQueue;
import org.llminspector.web.server.http.Metrics;
import org.llminspector.web.server.http.Replies;

/** Routes of the server's state: health, devices, engines, metrics. */
public final class SystemRoutes {

    record Health(String status, String version, long uptimeS, String defaultModel, RunQueue.Status queue) {}

    record Devices(List<Device> devices) {}

    record Engines(List<Capabilities> engines, Inspector.Memory memory) {}

    public static final String HEALTH = "/api/v1/health";

    private final Inspector inspector;
    private final Metrics metrics;
    private final long started = System.nanoTime();

    public SystemRoutes(Inspector inspector, Metrics metrics) {
        this.inspector = inspector;
        this.metrics = metrics;
    }

    public void register(RoutesConfig routes) {
        routes.get(HEALTH, this::health);
        routes.get("/api/v1/devices", ctx -> Replies.json(ctx, new Devices(inspector.devices())));
        routes.get("/api/v1/engines", ctx -> Replies.json(ctx, new Engines(inspector.engines(), inspector.memory())));
        routes.get("/api/v1/memory", ctx -> Replies.json(ctx, inspector.memory()));
        routes.get("/metrics", ctx -> ctx.contentType("text/plain; version=0.0.4; charset=utf-8")
                .result(metrics.scrape()));
    }

    private void health(Context ctx) throws IOException {
        long uptime = (System.nanoTime() - started) / 1_000_000_000;
        Replies.json(ctx, new Health("ok", Version.STRING, uptime, defaultModel(inspector), inspector.queue()));
    }

    /** Null when there is no model. */
    static String defaultModel(Inspector inspector) {
        try {
            return inspector.defaultModel();
        } catch (Problem none) {
            return null;
        }
    }
}
