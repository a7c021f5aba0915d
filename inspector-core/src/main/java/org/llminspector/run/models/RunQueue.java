package org.llminspector.run.models;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.Callable;
import java.util.concurrent.CancellationException;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Future;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.llminspector.base.Problem;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** RunQueue does one piece of engine work at a time, in order; when it is full it says so instead of growing. */
public final class RunQueue implements AutoCloseable {

    /** Status is how many pieces of work run, wait, and may do either. */
    public record Status(int running, int waiting, int capacity) {}

    private static final Logger LOG = LoggerFactory.getLogger(RunQueue.class);
    private static final int LOOK_SECONDS = 10;
    /** How often an end is waited for: five minutes of a pass over a long prompt in a large model. */
    private static final int LOOKS = 30;

    private final ThreadPoolExecutor worker;
    private volatile String doing = "";
    /** Its own count: the pool still calls its thread active for a moment after a caller has its result. */
    private final AtomicInteger running = new AtomicInteger();

    private final int capacity;
    private final Runnable afterEach;

    /**
     * @param capacity most pieces waiting or running
     * @param afterEach what is done on the worker when a piece has ended
     */
    public RunQueue(int capacity, Runnable afterEach) {
        this.capacity = capacity;
        this.afterEach = afterEach;
        this.worker = new ThreadPoolExecutor(
                1, 1, 0, TimeUnit.SECONDS, new ArrayBlockingQueue<>(Math.max(1, capacity - 1)), task -> {
                    Thread thread = new Thread(task, "run-worker");
                    thread.setDaemon(true);
                    return thread;
                });
    }

    /** Pieces ahead of the next one; BUSY when there is no place for it. */
    public int ahead() {
        int ahead = running.get() + worker.getQueue().size();
        if (ahead >= capacity || closing()) throw full();
        return ahead;
    }

    public Status status() {
        return new Status(running.get(), worker.getQueue().size(), capacity);
    }

    /** Work that has no name of its own. */
    public <T> T call(Callable<T> work) {
        return call("the engine's work", work);
    }

    /**
     * Waits its turn, does the work, gives its result.
     *
     * @param what it is, for whoever waits for it
     */
    public <T> T call(String what, Callable<T> work) {
        Future<T> future;
        try {
            future = worker.submit(() -> {
                doing = what;
                running.incrementAndGet();
                try {
                    return work.call();
                } finally {
                    try {
                        afterEach.run();
                    } finally {
                        running.decrementAndGet(); // before the caller has its result
                    }
                }
            });
        } catch (RejectedExecutionException e) {
            throw full();
        }
        try {
            return future.get();
        } catch (InterruptedException e) {
            future.cancel(false);
            Thread.currentThread().interrupt();
            throw Problem.of(Problem.Kind.BUSY, "the run was interrupted while waiting");
        } catch (CancellationException e) {
            throw full(); // dropped, for the program is closing
        } catch (ExecutionException e) {
            if (e.getCause() instanceof RuntimeException runtime) throw runtime;
            if (e.getCause() instanceof OutOfMemoryError oom) {
                throw Problem.tooLarge("the run needs more memory than the JVM has")
                        .found(oom.getMessage())
                        .instead(
                                "capture fewer hooks, shorten the prompt, or give the JVM more heap (JAVA_OPTS=-Xmx8g)")
                        .causedBy(oom);
            }
            if (e.getCause() instanceof Error error) throw error;
            throw new IllegalStateException(e.getCause());
        }
    }

    private Problem full() {
        String what = worker.isShutdown() ? "the program is closing" : "too many runs are waiting";
        return Problem.of(Problem.Kind.BUSY, what)
                .where("queue")
                .expected("at most " + capacity + " runs waiting or running")
                .instead("try again in a few seconds");
    }

    /** Whether the program is closing: what runs should end soon, and keep what it has made. */
    public boolean closing() {
        return worker.isShutdown();
    }

    /** Refuses to go on with long work once the program is closing. */
    public void checkOpen() {
        if (closing()) throw full();
    }

    /**
     * Drops what waits, and waits until what runs has ended. It says what it waits for.
     *
     * @return false when that has not ended after minutes: what it uses has to stay open then
     */
    public boolean end() {
        worker.shutdown();
        List<Runnable> dropped = new ArrayList<>();
        worker.getQueue().drainTo(dropped);
        dropped.forEach(d -> ((Future<?>) d).cancel(false));
        try {
            for (int i = 0; i < LOOKS; i++) {
                if (worker.awaitTermination(LOOK_SECONDS, TimeUnit.SECONDS)) return true;
                LOG.info(
                        "Waiting for {} to end before its model is closed, {} s by now", doing, (i + 1) * LOOK_SECONDS);
            }
            LOG.warn("{} has not ended; the models stay open, and go with the process", doing);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
        return false;
    }

    @Override
    public void close() {
        end();
    }
}
