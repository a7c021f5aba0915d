package org.llminspector.web.server.http;

import java.util.function.Consumer;

/** A run, comparison or benchmark under way that publishes events. */
public abstract class LiveWork {

    private final Consumer<RunEvent> events;

    /** @param events receives them on the work's thread, and must not block it */
    public LiveWork(Consumer<RunEvent> events) {
        this.events = events;
    }

    public final void send(String event, Object data) {
        events.accept(new RunEvent(event, data));
    }

    public void queued(String id, int ahead) {
        send("queued", new RunEvent.Queued(id, ahead));
    }
}
