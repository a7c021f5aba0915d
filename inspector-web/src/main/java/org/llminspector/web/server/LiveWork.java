package org.llminspector.web.server;

import java.util.function.Consumer;

/** A run, comparison or benchmark under way that publishes events. */
abstract class LiveWork {

    private final Consumer<RunEvent> events;

    /** @param events receives them on the work's thread, and must not block it */
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
