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
import org.llminspector.run.Inspector;
import org.llminspector.run.work.MemoryLedger;

/** Prometheus metrics: requests, runs, tokens, the queue, the JVM. */
public final class Metrics implements AutoCloseable {

    private final PrometheusMeterRegistry registry = new PrometheusMeterRegistry(PrometheusConfig.DEFAULT);
    private final JvmGcMetrics gc = new JvmGcMetrics();
    private final Counter tokens;

    public Metrics(Inspector inspector) {
        tokens = Counter.builder("llm_inspector.tokens.generated")
                .description("Tokens generated")
                .register(registry);
        queue("running", inspector, q -> q.queue().running());
        queue("waiting", inspector, q -> q.queue().waiting());
        Gauge.builder("llm_inspector.queue.capacity", inspector, i -> i.queue().capacity())
                .description("Most runs waiting or running")
                .register(registry);
        memory("budget", "Most that all holders of memory together may have", inspector, i -> i.memory()
                .budget());
        memory("resident", "Held by open models in this process's memory", inspector, i -> i.memory()
                .resident());
        memory("mapped", "Of open models' files, read in place", inspector, i -> i.memory()
                .mapped());
        for (String kind : MemoryLedger.KINDS) {
            Gauge.builder("llm_inspector.memory.held", inspector, i -> i.memory()
                            .held(kind))
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

    private void memory(
            String what, String doc, Inspector inspector, java.util.function.ToDoubleFunction<Inspector> bytes) {
        Gauge.builder("llm_inspector.models." + what, inspector, bytes)
                .description(doc)
                .baseUnit("bytes")
                .register(registry);
    }

    private void queue(String state, Inspector inspector, java.util.function.ToDoubleFunction<Inspector> size) {
        Gauge.builder("llm_inspector.queue.size", inspector, size)
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
