package org.llminspector.hub;

import java.util.concurrent.CancellationException;
import java.util.function.BooleanSupplier;

/** Cancellation of a pull between two steps, by the caller or by the thread's interruption. */
record Cancel(BooleanSupplier asked) {

    private static final long STEP_MS = 100;

    boolean now() {
        return asked.getAsBoolean() || Thread.currentThread().isInterrupted();
    }

    void check() {
        if (now()) throw cancelled();
    }

    static CancellationException cancelled() {
        return new CancellationException("the download was cancelled; what has arrived is kept for the next try");
    }

    void sleep(long ms) {
        long end = System.nanoTime() + ms * 1_000_000;
        try {
            for (long left = ms; left > 0; left = (end - System.nanoTime()) / 1_000_000) {
                check();
                Thread.sleep(Math.min(left, STEP_MS));
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
        check();
    }
}
