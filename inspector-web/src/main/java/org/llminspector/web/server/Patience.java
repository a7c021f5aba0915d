package org.llminspector.web.server;

import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Supplier;
import org.llminspector.base.Problem;

/**
 * Patience waits where the queue is full, instead of saying so: clients of the OpenAI interface try again only a few times.
 * Who waits comes in the order of arrival.
 */
final class Patience {

    /** About as long as clients wait for an answer. */
    private static final long LONGEST_MS = 300_000;

    private static final long PAUSE_MS = 20;

    private final Semaphore turn = new Semaphore(1, true);
    private final AtomicInteger waiting = new AtomicInteger();

    /** How many wait for a place in the queue. */
    int waiting() {
        return waiting.get();
    }

    /** Does the work, once there is room for it. Blocks. */
    <T> T get(Supplier<T> work) {
        if (waiting.get() == 0) {
            try {
                return work.get();
            } catch (Problem p) {
                if (p.kind() != Problem.Kind.BUSY) throw p;
            }
        }
        long end = System.nanoTime() + TimeUnit.MILLISECONDS.toNanos(LONGEST_MS);
        waiting.incrementAndGet();
        boolean mine = false;
        try {
            mine = turn.tryAcquire(LONGEST_MS, TimeUnit.MILLISECONDS);
            while (true) {
                try {
                    return work.get();
                } catch (Problem p) {
                    if (p.kind() != Problem.Kind.BUSY || System.nanoTime() > end) throw p;
                }
                Thread.sleep(PAUSE_MS);
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw Problem.of(Problem.Kind.BUSY, "the wait for a place in the queue was broken off");
        } finally {
            if (mine) turn.release();
            waiting.decrementAndGet();
        }
    }
}
