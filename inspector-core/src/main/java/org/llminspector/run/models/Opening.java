package org.llminspector.run.models;

import java.util.concurrent.CancellationException;
import java.util.concurrent.CompletableFuture;
import org.llminspector.engine.Precision;
import org.llminspector.family.Weights;

/** Opening is a model on its way onto an engine: how far it is, who waits for it, and that it ends when nobody does. */
public final class Opening implements Weights.Watch {

    /**
     * How far it is.
     *
     * @param done bytes of weights that were read, in the files' formats
     * @param of all of them
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
    private boolean ending; // interrupted or finished: no further request may wait for it

    Opening(String engine, String device, Precision precision, long of) {
        this.engine = engine;
        this.device = device;
        this.precision = precision;
        this.of = of;
    }

    /** Adds a waiter, for whom one that was cancelled goes on; false when its thread is ending already. */
    synchronized boolean join() {
        if (ending) return false;
        cancelled = false;
        waiting++;
        return true;
    }

    /** One who waited does not any more. */
    synchronized void leave() {
        waiting--;
        if (waiting == 0 && !end.isDone()) cancelled = true;
    }

    /** Nobody can have it any more. */
    synchronized void cancel() {
        cancelled = !end.isDone();
        ending = true;
    }

    @Override
    public synchronized void read(long bytes) {
        if (end.isDone()) return; // an open engine reads on when it makes another graph
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
