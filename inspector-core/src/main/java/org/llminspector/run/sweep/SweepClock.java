package org.llminspector.run.sweep;

import org.llminspector.analysis.reduce.WindowBatch;

/** Rate and time left of a sweep, from what this process did. */
final class SweepClock {
    private final SweepListener listener;
    private final int of;
    private final long toRead;
    private int done;
    private int windows;
    private int batches;
    private long read;
    private long nanos;

    /**
     * @param of shards of this process
     * @param todo those whose parts are not there
     * @param toRead tokens of their windows
     */
    SweepClock(SweepListener listener, int of, int todo, long toRead) {
        this.listener = listener;
        this.of = of;
        this.done = of - todo;
        this.toRead = toRead;
        show();
    }

    void ran(WindowBatch batch, long took) {
        long tokens = (long) batch.size() * batch.positions();
        windows += batch.size();
        read += tokens;
        nanos += took;
        batches++;
        if (batches == 2 || (batches == 1 && read == toRead)) estimate(tokens / (took / 1e9));
        show();
    }

    private void estimate(double rate) {
        listener.estimated(new SweepListener.Estimate(toRead, rate, toRead / rate));
    }

    void finished() {
        done++;
        show();
    }

    /** Windows that this process ran. */
    int windows() {
        return windows;
    }

    /** Tokens that it read. */
    long read() {
        return read;
    }

    double seconds() {
        return nanos / 1e9;
    }

    private void show() {
        double rate = nanos == 0 ? 0 : read / seconds();
        double left = nanos == 0 ? -1 : (toRead - read) / rate;
        listener.progress(new SweepListener.Progress("running", done, of, windows, rate, left));
    }
}
