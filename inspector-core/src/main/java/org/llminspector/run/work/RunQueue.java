package org.llminspector.run.work;

import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.Comparator;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.Callable;
import java.util.concurrent.CancellationException;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Future;
import java.util.concurrent.FutureTask;
import java.util.concurrent.ScheduledThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.function.BooleanSupplier;
import java.util.function.Supplier;
import java.util.stream.IntStream;
import org.llminspector.base.Problem;
import org.llminspector.base.platform.Trim;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * FIFO work queue of the engines with a single worker.
 *
 * <p>A piece of work gets a {@link Place} before its model is opened. From then on it is listed, can be cancelled by
 * its id, and keeps its place until it ends. A full queue refuses the next piece as BUSY; callers that wait in line
 * ({@link Caller}) have a separate, larger bound.
 */
public final class RunQueue implements AutoCloseable {

    /** Numbers of running and waiting pieces of work, and the queue's capacity. */
    public record Status(int running, int waiting, int capacity) {}

    /**
     * One piece of work that waits or runs.
     *
     * @param id of the run or comparison that it produces, or its own
     * @param what the kind of work: run, comparison, benchmark, sampling, ...
     * @param model the slug; null for none
     * @param status {@code waiting} or {@code running}
     * @param ahead pieces of work in line before it
     * @param request the HTTP request behind it; null for library callers
     * @param since when it was admitted
     */
    public record Entry(String id, String what, String model, String status, int ahead, String request, String since) {}

    private static final Logger LOG = LoggerFactory.getLogger(RunQueue.class);
    private static final int LOOK_SECONDS = 10;
    /** Idle time after which freed memory is returned to the system. */
    private static final int IDLE_SECONDS = 10;
    /** How often {@link #end} waits {@link #LOOK_SECONDS}: five minutes, enough for a long prompt in a large model. */
    private static final int LOOKS = 30;

    private final int capacity;
    private final int lineCapacity;
    private final Runnable afterEach;
    private final Supplier<String> ids;
    private final ScheduledThreadPoolExecutor worker = new ScheduledThreadPoolExecutor(1, task -> {
        Thread thread = new Thread(task, "run-worker");
        thread.setDaemon(true);
        return thread;
    });

    /** All places, in order of admission. */
    private final Set<Place> places = new LinkedHashSet<>();
    /** Places that are ready for the worker. */
    private final TreeSet<Place> ready = new TreeSet<>(Comparator.comparingLong(place -> place.order));

    @SuppressWarnings("ThreadLocalUsage") // callers belong to one queue
    private final ThreadLocal<Caller> caller = new ThreadLocal<>();
    /** The place whose work runs on this (the worker's) thread. */
    @SuppressWarnings("ThreadLocalUsage")
    private final ThreadLocal<Place> working = new ThreadLocal<>();

    private Place running;
    /** Scheduled return of freed memory to the system, after the last piece of work. */
    private Future<?> trimming = CompletableFuture.completedFuture(null);

    private long orders;
    private volatile boolean closing;

    /**
     * @param capacity most pieces of work waiting or running, for callers that do not wait in line
     * @param lineCapacity the same, for callers that wait in line
     * @param afterEach runs on the worker after each piece of work
     * @param ids generates ids of runs and of work that produces nothing with an id
     */
    public RunQueue(int capacity, int lineCapacity, Runnable afterEach, Supplier<String> ids) {
        this.capacity = capacity;
        this.lineCapacity = lineCapacity;
        this.afterEach = afterEach;
        this.ids = ids;
        worker.setExecuteExistingDelayedTasksAfterShutdownPolicy(false);
        worker.setRemoveOnCancelPolicy(true);
    }

    /** A client of the queue, such as one HTTP request; cancelling it cancels all its work. */
    public final class Caller {

        private final String request;
        private final boolean inLine;
        private volatile boolean cancelled;

        private Caller(String request, boolean inLine) {
            this.request = request;
            this.inLine = inLine;
        }

        /** Cancels its work, waiting or running, and refuses further work. May be called from any thread. */
        public void cancel() {
            synchronized (RunQueue.this) {
                cancelled = true;
                places.stream().filter(p -> p.caller == this).toList().forEach(Place::cancel);
            }
        }

        public boolean cancelled() {
            return cancelled;
        }

        /** Runs code on behalf of this caller: places entered on this thread belong to it. */
        public <T> T call(Callable<T> work) throws Exception {
            Caller outer = caller.get();
            caller.set(this);
            try {
                return work.call();
            } finally {
                if (outer == null) caller.remove();
                else caller.set(outer);
            }
        }
    }

    /** A place in the queue: one piece of work from admission to end. */
    public final class Place implements AutoCloseable {

        private final String id;
        private final String what;
        private final String model;
        private final Caller caller;
        private final Instant since = Instant.now().truncatedTo(ChronoUnit.MILLIS);
        private long order = orders++;
        private FutureTask<?> turn;
        private volatile boolean cancelled;

        private Place(String id, String what, String model, Caller caller) {
            this.id = id;
            this.what = what;
            this.model = model;
            this.caller = caller;
        }

        public String id() {
            return id;
        }

        /** Whether the work should end: it or its caller was cancelled, or the program is closing. */
        public boolean cancelled() {
            return cancelled || closing || (caller != null && caller.cancelled);
        }

        /** Ends the work: soon where it runs, at once where it waits. May be called from any thread. */
        public void cancel() {
            synchronized (RunQueue.this) {
                cancelled = true;
                if (ready.remove(this)) turn.cancel(false);
            }
        }

        /** Whether only the worker keeps it waiting. */
        boolean ready() {
            synchronized (RunQueue.this) {
                return ready.contains(this);
            }
        }

        /** Pieces of work in line before this one. */
        public int ahead() {
            synchronized (RunQueue.this) {
                return this == running
                        ? 0
                        : (int) places.stream()
                                .filter(p -> p == running || p.order < order)
                                .count();
            }
        }

        /**
         * Waits for the worker, runs the work on it and returns the result. A second call goes to the end of the queue.
         *
         * @throws Problem CANCELLED when it was cancelled while waiting; BUSY when the program is closing
         */
        public <T> T call(Callable<T> work) {
            FutureTask<T> task = new FutureTask<>(() -> onWorker(work));
            synchronized (RunQueue.this) {
                if (closing) throw full(capacity);
                if (cancelled()) throw cancelledWhileWaiting();
                turn = task;
                ready.add(this);
                worker.execute(RunQueue.this::serve);
            }
            try {
                return task.get();
            } catch (InterruptedException e) {
                cancel();
                Thread.currentThread().interrupt();
                throw Problem.of(Problem.Kind.BUSY, "the run was interrupted while waiting");
            } catch (CancellationException e) {
                throw closing ? full(capacity) : cancelledWhileWaiting();
            } catch (ExecutionException e) {
                throw rethrown(e.getCause());
            }
        }

        private <T> T onWorker(Callable<T> work) throws Exception {
            working.set(this);
            try {
                return work.call();
            } finally {
                try {
                    afterEach.run();
                } finally {
                    working.remove();
                    synchronized (RunQueue.this) {
                        running = null; // before the caller gets its result
                        trimming.cancel(false);
                        if (!closing) trimming = worker.schedule(Trim::memory, IDLE_SECONDS, TimeUnit.SECONDS);
                        order = orders++;
                    }
                }
            }
        }

        private Problem cancelledWhileWaiting() {
            return Problem.of(Problem.Kind.CANCELLED, "the " + what + " was cancelled while it waited")
                    .where(what + " " + id)
                    .found("nothing of it is kept");
        }

        private Entry entry(int ahead) {
            String status = this == running ? "running" : "waiting";
            String request = caller == null ? null : caller.request;
            return new Entry(id, what, model, status, ahead, request, since.toString());
        }

        @Override
        public void close() {
            synchronized (RunQueue.this) {
                places.remove(this);
            }
        }
    }

    /**
     * Creates a caller.
     *
     * @param request its name in the list of entries
     * @param inLine whether it waits in line where the queue is full
     */
    public Caller caller(String request, boolean inLine) {
        return new Caller(request, inLine);
    }

    /** The caller of this thread; null for none. */
    public Caller caller() {
        return caller.get();
    }

    /**
     * Admits a piece of work.
     *
     * @param ids generates the id of its product
     * @param what the kind of work: run, comparison, ...
     * @param model the slug; null for none
     * @throws Problem BUSY when the queue is full; CANCELLED when the caller was cancelled
     */
    public Place enter(Supplier<String> ids, String what, String model) {
        Caller by = caller.get();
        checkRoom(by);
        String id = ids.get(); // may wait for a store
        synchronized (this) {
            checkRoom(by);
            Place place = new Place(id, what, model, by);
            if (place.cancelled()) throw place.cancelledWhileWaiting();
            places.add(place);
            return place;
        }
    }

    /** The same, with an id of the queue's own. */
    public Place enter(String what, String model) {
        return enter(ids, what, model);
    }

    private synchronized void checkRoom(Caller by) {
        boolean inLine = by != null && by.inLine;
        int most = inLine ? lineCapacity : capacity;
        long admitted = places.stream()
                .filter(p -> inLine == (p.caller != null && p.caller.inLine))
                .count();
        if (closing || admitted >= most) throw full(most);
    }

    /** Admits a piece of work, waits for the worker, runs it there and returns the result. */
    public <T> T call(String what, String model, Callable<T> work) {
        try (Place place = enter(what, model)) {
            return place.call(work);
        }
    }

    /** All waiting or running work, in order of service. */
    public synchronized List<Entry> entries() {
        List<Place> served = places.stream()
                .sorted(Comparator.comparingInt((Place p) -> p == running ? 0 : 1)
                        .thenComparingLong(p -> p.order))
                .toList();
        return IntStream.range(0, served.size())
                .mapToObj(i -> served.get(i).entry(i))
                .toList();
    }

    /** Cancels a piece of work; false when none with this id waits or runs. */
    public synchronized boolean cancel(String id) {
        List<Place> named = places.stream().filter(p -> p.id.equals(id)).toList();
        named.forEach(Place::cancel);
        return !named.isEmpty();
    }

    /** Most pieces of work at once, of all callers together. */
    public int most() {
        return capacity + lineCapacity;
    }

    public synchronized Status status() {
        int busy = running == null ? 0 : 1;
        return new Status(busy, places.size() - busy, capacity);
    }

    private void serve() {
        Place next;
        synchronized (this) {
            next = ready.pollFirst();
            if (next == null) return; // it was cancelled
            running = next;
        }
        next.turn.run();
    }

    private static RuntimeException rethrown(Throwable cause) {
        if (cause instanceof RuntimeException runtime) return runtime;
        if (cause instanceof OutOfMemoryError oom) {
            return Problem.tooLarge("the run needs more memory than the JVM has")
                    .found(oom.getMessage())
                    .instead("capture fewer hooks, shorten the prompt, or give the JVM more heap (JAVA_OPTS=-Xmx8g)")
                    .causedBy(oom);
        }
        if (cause instanceof Error error) throw error;
        return new IllegalStateException(cause);
    }

    private Problem full(int most) {
        return Problem.of(Problem.Kind.BUSY, closing ? "the program is closing" : "too many runs are waiting")
                .where("queue")
                .expected("at most " + most + " runs waiting or running")
                .instead("try again in a few seconds");
    }

    /** Cancellation state of this thread's current work; may be evaluated on any thread. */
    public BooleanSupplier cancellation() {
        Place place = working.get();
        if (place != null) return place::cancelled;
        Caller by = caller.get();
        return () -> closing || (by != null && by.cancelled);
    }

    /** Throws where this thread's long work was cancelled or the program is closing. */
    public void checkCancelled() {
        if (closing) throw full(capacity);
        if (!cancellation().getAsBoolean()) return;
        Place place = working.get();
        if (place == null) throw Problem.of(Problem.Kind.CANCELLED, "the request was cancelled");
        throw Problem.of(Problem.Kind.CANCELLED, "the " + place.what + " was cancelled")
                .where(place.what + " " + place.id);
    }

    /**
     * Drops waiting work, then waits for running work to end, and logs what it waits for.
     *
     * @return false when that has not ended after minutes; its resources must stay open
     */
    public boolean end() {
        synchronized (this) {
            closing = true;
            worker.shutdown();
            List.copyOf(ready).forEach(Place::cancel);
        }
        try {
            for (int i = 0; i < LOOKS; i++) {
                if (worker.awaitTermination(LOOK_SECONDS, TimeUnit.SECONDS)) return true;
                LOG.info(
                        "Waiting for {} to end before its model is closed, {} s by now",
                        doing(),
                        (i + 1) * LOOK_SECONDS);
            }
            LOG.warn("{} has not ended; the models stay open, and go with the process", doing());
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
        return false;
    }

    private synchronized String doing() {
        return running == null ? "the last work" : running.what + " " + running.id;
    }

    @Override
    public void close() {
        end();
    }
}
