package org.llminspector.web.server;

import java.util.function.Consumer;
import org.llminspector.run.ComparisonListener;
import org.llminspector.run.ComparisonManifest;
import org.llminspector.run.ComparisonRequest;
import org.llminspector.run.Inspector;

/** LiveComparison is one comparison under way: it tells of itself in events and can be cancelled from any thread. */
final class LiveComparison implements ComparisonListener, ActiveRuns.Live {

    record Started(String id) {}

    private final ActiveRuns active;
    private final Consumer<RunEvent> events;
    private volatile boolean cancelled;

    /** @param events hears of it, on its own thread, and must not block it */
    LiveComparison(ActiveRuns active, Consumer<RunEvent> events) {
        this.active = active;
        this.events = events;
    }

    /** Compares to the end. Blocks. */
    ComparisonManifest compare(Inspector inspector, ComparisonRequest request) {
        active.add(this);
        try {
            return inspector.comparisons().compare(request, this);
        } finally {
            active.remove(this);
        }
    }

    @Override
    public void cancel() {
        cancelled = true;
    }

    @Override
    public boolean cancelled() {
        return cancelled;
    }

    @Override
    public void queued(String id, int ahead) {
        active.known(id, this);
        events.accept(new RunEvent("queued", new RunEvent.Queued(id, ahead)));
    }

    @Override
    public void started(String id) {
        events.accept(new RunEvent("started", new Started(id)));
    }

    @Override
    public void progress(Progress progress) {
        events.accept(new RunEvent("progress", progress));
    }
}
