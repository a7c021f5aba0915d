package org.llminspector.web.server;

import java.util.function.Consumer;
import org.llminspector.run.Benchmarks;
import org.llminspector.run.Inspector;
import org.llminspector.run.models.Opening;
import org.llminspector.web.server.CostRoutes.BenchmarkRequest;

/** One benchmark under way. */
final class LiveBenchmark extends LiveWork implements Benchmarks.Listener {

    record Measured(Benchmarks.Point point, int done, int total) {}

    LiveBenchmark(Consumer<RunEvent> events) {
        super(events);
    }

    /** Runs to the end. Blocks. */
    Benchmarks.Benchmark measure(Inspector inspector, BenchmarkRequest r) {
        return inspector
                .benchmarks()
                .run(Requests.required(r.request(), "request"), r.contexts(), r.newTokens(), r.withoutCache(), this);
    }

    @Override
    public void opening(Opening.Progress progress) {
        tell("opening", progress);
    }

    @Override
    public void measured(Benchmarks.Point point, int done, int total) {
        tell("measured", new Measured(point, done, total));
    }
}
