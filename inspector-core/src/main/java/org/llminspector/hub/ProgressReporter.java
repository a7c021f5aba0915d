package org.llminspector.hub;

import org.llminspector.hub.Progress.State;

/** Byte counter of a pull, which calls the listener at most ten times per second. One thread at a time. */
final class ProgressReporter {

    private static final long QUIET_NS = 100_000_000;
    private static final double SPEED_WINDOW_NS = 3e9;

    private final Progress.Listener listener;
    private State state = State.RESOLVING;
    private String file;
    private int fileNumber;
    private int fileCount;
    private long done;
    private long total;
    private double speed;
    private long arrived; // since the speed was last updated
    private long speedFrom = System.nanoTime();
    private long reportedAt;
    private boolean reported;

    ProgressReporter(Progress.Listener listener) {
        this.listener = listener;
    }

    void state(State state) {
        this.state = state;
        report(state == State.DONE);
    }

    /** Sets the number of files and their total bytes. */
    void plan(int fileCount, long total) {
        this.fileCount = fileCount;
        this.total = total;
    }

    /** Begins a file. */
    void file(String name) {
        file = name;
        fileNumber++;
    }

    /** Bytes that were there already; negative to discard invalid ones. */
    void alreadyPresent(long bytes) {
        done += bytes;
        report(false);
    }

    /** Bytes received over the network. */
    void arrived(long bytes) {
        done += bytes;
        arrived += bytes;
        report(false);
    }

    private void report(boolean always) {
        long now = System.nanoTime();
        if (reported && !always && now - reportedAt < QUIET_NS) return;
        double passed = now - speedFrom;
        if (passed > 0) {
            double keep = Math.exp(-passed / SPEED_WINDOW_NS);
            double latest = arrived * 1e9 / passed;
            speed = speed == 0 ? latest : keep * speed + (1 - keep) * latest;
            speedFrom = now;
            arrived = 0;
        }
        reported = true;
        reportedAt = now;
        if (state == State.DONE) {
            file = null;
            speed = 0;
        }
        listener.on(new Progress(state, file, fileNumber, fileCount, done, Math.max(total, done), speed));
    }
}
