package org.llminspector.run.models;

import java.util.concurrent.CancellationException;
import java.util.concurrent.CompletableFuture;
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

    private final String engine;
    private final String device;
    private final Precision precision;
    private final long of;
    final CompletableFuture<Void> end = new CompletableFuture<>();
    private long done;
    private int waiting;
    private boolean cancelled;
    private boolean ending; // cancelled or finished: no request may join it

    Opening(String engine, String device, Precision precision, long of) {
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
}
