package org.llminspector.web.server;

import java.util.function.Consumer;
import java.util.function.Supplier;

/** LiveWork is a run or a comparison under way: it tells of itself in events and can be cancelled from any thread. */
abstract class LiveWork implements ActiveRuns.Live {

    private final ActiveRuns active;
    private final Consumer<RunEvent> events;
    private volatile boolean cancelled;

    /** @param events hears of it, on its own thread, and must not block it */
    LiveWork(ActiveRuns active, Consumer<RunEvent> events) {
        this.active = active;
        this.events = events;
    }

    /** Does the work to its end, during which it can be cancelled. Blocks. */
    final <T> T live(Supplier<T> work) {
        active.add(this);
        try {
            return work.get();
        } finally {
            active.remove(this);
        }
    }

    final void tell(String event, Object data) {
        events.accept(new RunEvent(event, data));
    }

    /** Ends a run between two tokens, a comparison between two of its parts; what still waits does not begin. */
    @Override
    public void cancel() {
        cancelled = true;
    }

    public boolean cancelled() {
        return cancelled;
    }

    public void queued(String id, int ahead) {
        active.known(id, this);
        tell("queued", new RunEvent.Queued(id, ahead));
    }
}
