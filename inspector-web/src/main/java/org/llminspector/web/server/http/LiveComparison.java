package org.llminspector.web.server.http;

import java.util.function.Consumer;
import org.llminspector.run.compare.ComparisonListener;
import org.llminspector.run.compare.Comparisons;
import org.llminspector.run.request.ComparisonRequest;
import org.llminspector.run.store.ComparisonManifest;

/** One comparison under way. */
public final class LiveComparison extends LiveWork implements ComparisonListener {

    public record Started(String id) {}

    public LiveComparison(Consumer<RunEvent> events) {
        super(events);
    }

    /** Runs to the end. Blocks. */
    public ComparisonManifest compare(Comparisons comparisons, ComparisonRequest request) {
        return comparisons.compare(request, this);
    }

    @Override
    public void started(String id) {
        send("started", new Started(id));
    }

    @Override
    public void progress(Progress progress) {
        send("progress", progress);
    }
}
