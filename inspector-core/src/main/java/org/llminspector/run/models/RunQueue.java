package org.llminspector.run.models;

import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Future;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import org.llminspector.base.Problem;

/** RunQueue does one piece of engine work at a time, in order; when it is full it says so instead of growing. */
public final class RunQueue implements AutoCloseable {

    /** Status is how many pieces of work run, wait, and may do either. */
    public record Status(int running, int waiting, int capacity) {}

    private final ThreadPoolExecutor worker;
    private final int capacity;

    /** @param capacity most pieces waiting or running */
    public RunQueue(int capacity) {
        this.capacity = capacity;
        this.worker = new ThreadPoolExecutor(
                1, 1, 0, TimeUnit.SECONDS, new ArrayBlockingQueue<>(Math.max(1, capacity - 1)), task -> {
                    Thread thread = new Thread(task, "run-worker");
                    thread.setDaemon(true);
                    return thread;
                });
    }

    /** Pieces ahead of the next one; BUSY when there is no place for it. */
    public int ahead() {
        int ahead = worker.getActiveCount() + worker.getQueue().size();
        if (ahead >= capacity) throw full();
        return ahead;
    }

    public Status status() {
        return new Status(worker.getActiveCount(), worker.getQueue().size(), capacity);
    }

    /** Waits its turn, does the work, gives its result. */
    public <T> T call(Callable<T> work) {
        Future<T> future;
        try {
            future = worker.submit(work);
        } catch (RejectedExecutionException e) {
            throw full();
        }
        try {
            return future.get();
        } catch (InterruptedException e) {
            future.cancel(false);
            Thread.currentThread().interrupt();
            throw Problem.of(Problem.Kind.BUSY, "the run was interrupted while waiting");
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

    @Override
    public void close() {
        worker.shutdown();
        try {
            worker.awaitTermination(30, TimeUnit.SECONDS);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }
}
