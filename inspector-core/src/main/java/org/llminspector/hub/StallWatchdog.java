package org.llminspector.hub;

import java.io.IOException;
import java.io.InputStream;
import java.time.Duration;
import java.util.concurrent.ScheduledFuture;
import java.util.concurrent.ScheduledThreadPoolExecutor;
import java.util.concurrent.TimeUnit;

/**
 * Watchdog that closes a stream whose server is silent or whose reader is cancelled, so that no read blocks forever.
 */
final class StallWatchdog implements AutoCloseable {

    private static final long LOOK_MS = 200;

    private static final ScheduledThreadPoolExecutor TIMER = new ScheduledThreadPoolExecutor(1, task -> {
        Thread thread = new Thread(task, "hub-watch");
        thread.setDaemon(true);
        return thread;
    });

    static {
        TIMER.setRemoveOnCancelPolicy(true);
    }

    private final ScheduledFuture<?> looks;
    private volatile long lastByte = System.nanoTime();
    private volatile boolean silent;

    StallWatchdog(InputStream in, Duration silence, Cancel cancel) {
        this.looks = TIMER.scheduleWithFixedDelay(
                () -> {
                    silent = System.nanoTime() - lastByte > silence.toNanos();
                    if (!silent && !cancel.asked().getAsBoolean()) return;
                    try {
                        in.close();
                    } catch (IOException e) {
                        // The reader's next read fails.
                    }
                },
                LOOK_MS,
                LOOK_MS,
                TimeUnit.MILLISECONDS);
    }

    void alive() {
        lastByte = System.nanoTime();
    }

    /** Whether the stream was closed because of silence. */
    boolean silent() {
        return silent;
    }

    @Override
    public void close() {
        looks.cancel(false);
    }
}
