package org.llminspector.web.server;

import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;

/** Events are what a piece of work tells, until a reader takes it. They are bounded: who does not read is given up. */
final class Events {

    /** Minutes of tokens; a few megabytes. */
    private static final int MAX_WAITING = 4_096;

    private final LinkedBlockingQueue<RunEvent> waiting = new LinkedBlockingQueue<>();
    private volatile Runnable tooMany = () -> {};

    /** @param giveUp is called when the reader is too far behind; what comes then is lost, but for the last event */
    void whenNobodyReads(Runnable giveUp) {
        tooMany = giveUp;
    }

    /** Never waits. */
    void tell(RunEvent event) {
        if (event.last() || waiting.size() < MAX_WAITING) waiting.add(event);
        else tooMany.run();
    }

    /** The next event, or null when none comes in this time. */
    RunEvent next(long ms) throws InterruptedException {
        return waiting.poll(ms, TimeUnit.MILLISECONDS);
    }
}
