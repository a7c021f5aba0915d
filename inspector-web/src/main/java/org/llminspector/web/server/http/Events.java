package org.llminspector.web.server.http;

import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;

/** Bounded queue of the events of a piece of work; a reader that falls too far behind is given up. */
public final class Events {

    /** Minutes of tokens; a few megabytes. */
    private static final int MAX_WAITING = 4_096;

    private final LinkedBlockingQueue<RunEvent> waiting = new LinkedBlockingQueue<>();
    private volatile Runnable tooMany = () -> {};

    /** @param giveUp called when the reader is too far behind; later events are dropped, except the last one */
    public void onOverflow(Runnable giveUp) {
        tooMany = giveUp;
    }

    /** Never blocks. */
    public void send(RunEvent event) {
        if (event.last() || waiting.size() < MAX_WAITING) waiting.add(event);
        else tooMany.run();
    }

    /** The next event, or null after this time. */
    public RunEvent next(long ms) throws InterruptedException {
        return waiting.poll(ms, TimeUnit.MILLISECONDS);
    }
}
