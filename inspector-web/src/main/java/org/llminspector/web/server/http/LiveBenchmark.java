package org.llminspector.web.server.http;

import java.util.List;
import java.util.function.Consumer;
import org.llminspector.run.inspect.cost.Benchmarks;
import org.llminspector.run.models.Opening;
import org.llminspector.run.request.RunRequest;

/** One benchmark under way. */
public final class LiveBenchmark extends LiveWork implements Benchmarks.Listener {

    /** The body of POST /benchmarks. */
    public record Request(RunRequest request, List<Integer> contexts, Integer newTokens, Boolean withoutCache) {}

    public record Measured(Benchmarks.Point point, int done, int total) {}

    public LiveBenchmark(Consumer<RunEvent> events) {
        super(events);
    }

    /** Runs to the end. Blocks. */
    public Benchmarks.Benchmark measure(Benchmarks benchmarks, Request r) {
        return benchmarks.run(
                Requests.required(r.request(), "request"), r.contexts(), r.newTokens(), r.withoutCache(), this);
    }

    @Override
    public void opening(Opening.Progress progress) {
        send("opening", progress);
    }

    @Override
    public void measured(Benchmarks.Point point, int done, int total) {
        send("measured", new Measured(point, done, total));
    }
}
