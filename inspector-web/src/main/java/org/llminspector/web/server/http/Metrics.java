package org.llminspector.web.server.http;

import io.javalin.http.Context;
import io.javalin.router.Endpoint;
import io.micrometer.core.instrument.Counter;
import io.micrometer.core.instrument.Gauge;
import io.micrometer.core.instrument.Timer;
import io.micrometer.core.instrument.binder.jvm.ClassLoaderMetrics;
import io.micrometer.core.instrument.binder.jvm.JvmGcMetrics;
import io.micrometer.core.instrument.binder.jvm.JvmMemoryMetrics;
import io.micrometer.core.instrument.binder.jvm.JvmThreadMetrics;
import io.micrometer.core.instrument.binder.system.ProcessorMetrics;
import io.micrometer.core.instrument.binder.system.UptimeMetrics;
import io.micrometer.prometheusmetrics.PrometheusConfig;
import io.micrometer.prometheusmetrics.PrometheusMeterRegistry;
import java.util.concurrent.TimeUnit;
import java.util.function.ToDoubleFunction;
import org.llminspector.run.models.Models;
import org.llminspector.run.work.MemoryLedger;
import org.llminspector.run.work.RunQueue;

/** Prometheus metrics: requests, runs, tokens, the queue, the JVM. */
public final class Metrics implements AutoCloseable {

    private final PrometheusMeterRegistry registry = new PrometheusMeterRegistry(PrometheusConfig.DEFAULT);
    private final JvmGcMetrics gc = new JvmGcMetrics();
    private final Counter tokens;

    public Metrics(RunQueue queue, Models models) {
        tokens = Counter.builder("llm_inspector.tokens.generated")
                .description("Tokens generated")
                .register(registry);
        queue("running", queue, q -> q.status().running());
        queue("waiting", queue, q -> q.status().waiting());
        Gauge.builder("llm_inspector.queue.capacity", queue, q -> q.status().capacity())
                .description("Most runs waiting or running")
                .register(registry);
        memory("budget", "Most that all holders of memory together may have", models, m -> m.memory()
                .budget());
        memory("resident", "Held by open models in this process's memory", models, m -> m.memory()
                .resident());
        memory("mapped", "Of open models' files, read in place", models, m -> m.memory()
                .mapped());
        for (String kind : MemoryLedger.KINDS) {
            Gauge.builder("llm_inspector.memory.held", models, m -> m.memory().held(kind))
                    .description("Memory of the budget that is held, by what it is for")
                    .tag("kind", kind)
                    .baseUnit("bytes")
                    .register(registry);
        }
        new ClassLoaderMetrics().bindTo(registry);
        new JvmMemoryMetrics().bindTo(registry);
        new JvmThreadMetrics().bindTo(registry);
        new ProcessorMetrics().bindTo(registry);
        new UptimeMetrics().bindTo(registry);
        gc.bindTo(registry);
    }

    private void memory(String what, String doc, Models models, ToDoubleFunction<Models> bytes) {
        Gauge.builder("llm_inspector.models." + what, models, bytes)
                .description(doc)
                .baseUnit("bytes")
                .register(registry);
    }

    private void queue(String state, RunQueue queue, ToDoubleFunction<RunQueue> size) {
        Gauge.builder("llm_inspector.queue.size", queue, size)
                .description("Pieces of engine work in the queue")
                .tag("state", state)
                .register(registry);
    }

    /** Counts one answered request by its route's pattern, not its path, which bounds the number of series. */
    public void request(Context ctx, float ms) {
        Endpoint endpoint = ctx.endpoints().lastHttpEndpoint();
        String route = endpoint != null ? endpoint.path : ctx.statusCode() == 404 ? "none" : "page";
        Timer.builder("http.server.requests")
                .description("Answered requests")
                .tag("method", ctx.method().name())
                .tag("route", route)
                .tag("status", Integer.toString(ctx.statusCode()))
                .register(registry)
                .record((long) (ms * 1000), TimeUnit.MICROSECONDS);
    }

    public void tokenGenerated() {
        tokens.increment();
    }

    /** @param outcome {@code finished}, {@code cancelled}, {@code refused} or {@code failed} */
    public void run(String outcome) {
        Counter.builder("llm_inspector.runs")
                .description("Runs by how they ended")
                .tag("outcome", outcome)
                .register(registry)
                .increment();
    }

    public String scrape() {
        return registry.scrape();
    }

    @Override
    public void close() {
        gc.close();
        registry.close();
    }
}
