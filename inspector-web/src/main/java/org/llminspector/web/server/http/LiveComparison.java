package org.llminspector.web.server.http;

import java.util.function.Consumer;
import java.util.function.UnaryOperator;
import org.llminspector.run.compare.ComparisonListener;
import org.llminspector.run.compare.Comparisons;
import org.llminspector.run.request.ComparisonRequest;
import org.llminspector.run.request.SweepRequest;
import org.llminspector.run.store.ComparisonManifest;

/** One comparison under way. */
public final class LiveComparison extends LiveWork implements ComparisonListener {

    public record Started(String id) {}

    public LiveComparison(Consumer<RunEvent> events) {
        super(events);
    }

    /**
     * Runs to the end. Blocks.
     *
     * @param located a client's corpus as this machine has it
     */
    public ComparisonManifest compare(
            Comparisons comparisons, ComparisonRequest request, UnaryOperator<SweepRequest.Texts> located) {
        return comparisons.compare(request, null, located, this);
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
