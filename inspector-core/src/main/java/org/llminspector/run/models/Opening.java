package org.llminspector.run.models;

import java.util.concurrent.CancellationException;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.BooleanSupplier;
import java.util.function.Consumer;
import org.llminspector.base.Problem;
import org.llminspector.engine.Precision;
import org.llminspector.family.Weights;

/** A model being opened on an engine: its progress and its waiters; it is cancelled when the last waiter leaves. */
public final class Opening implements Weights.Watch {

    /**
     * Progress of the opening.
     *
     * @param done bytes of weights read, in the files' formats
     * @param of total bytes
     */
    public record Progress(String engine, String device, Precision precision, long done, long of) {}

    private static final long POLL_MS = 100;

    private final String model;
    private final String engine;
    private final String device;
    private final Precision precision;
    private final long of;
    final CompletableFuture<Void> end = new CompletableFuture<>();
    private long done;
    private int waiting;
    private boolean cancelled;
    private boolean ending; // cancelled or finished: no request may join it

    Opening(String model, String engine, String device, Precision precision, long of) {
        this.model = model;
        this.engine = engine;
        this.device = device;
        this.precision = precision;
        this.of = of;
    }

    /** Adds a waiter, which revives a cancelled opening; false when its thread is already ending. */
    synchronized boolean join() {
        if (ending) return false;
        cancelled = false;
        waiting++;
        return true;
    }

    /** A waiter leaves; when the last one has left, the opening is cancelled. */
    synchronized void leave() {
        waiting--;
        if (waiting == 0 && !end.isDone()) cancelled = true;
    }

    /** Cancels the opening for all waiters, for good. */
    synchronized void cancel() {
        cancelled = !end.isDone();
        ending = true;
    }

    @Override
    public synchronized void read(long bytes) {
        if (end.isDone()) return; // an open engine still reads weights when it builds another graph
        if (cancelled) {
            ending = true;
            throw new CancellationException();
        }
        done = Math.min(of, done + bytes);
    }

    synchronized Progress progress() {
        return new Progress(engine, device, precision, done, of);
    }

    /** Waits for the end. A waiter whose condition becomes true leaves, and gets CANCELLED. */
    void await(Consumer<Progress> progress, BooleanSupplier gone) {
        try {
            Progress last = null;
            while (true) {
                try {
                    end.get(POLL_MS, TimeUnit.MILLISECONDS);
                    return;
                } catch (TimeoutException e) {
                    if (gone.getAsBoolean()) throw cancelled();
                    Progress now = progress();
                    if (!now.equals(last)) progress.accept(now);
                    last = now;
                }
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw cancelled();
        } catch (ExecutionException e) {
            if (e.getCause() instanceof CancellationException) throw cancelled();
            if (e.getCause() instanceof RuntimeException runtime) throw runtime;
            if (e.getCause() instanceof Error error) throw error;
            throw new IllegalStateException(e.getCause());
        } finally {
            leave();
        }
    }

    private Problem cancelled() {
        return Problem.of(Problem.Kind.CANCELLED, "opening the model was cancelled")
                .where(model)
                .instead("open it again");
    }
}
