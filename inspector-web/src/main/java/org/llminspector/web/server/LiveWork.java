package org.llminspector.web.server;

import java.util.function.Consumer;

/** LiveWork is a run, a comparison or a benchmark under way, which tells of itself in events. */
abstract class LiveWork {

    private final Consumer<RunEvent> events;

    /** @param events hears of it, on its own thread, and must not block it */
    LiveWork(Consumer<RunEvent> events) {
        this.events = events;
    }

    final void tell(String event, Object data) {
        events.accept(new RunEvent(event, data));
    }

    public void queued(String id, int ahead) {
        tell("queued", new RunEvent.Queued(id, ahead));
    }
}
