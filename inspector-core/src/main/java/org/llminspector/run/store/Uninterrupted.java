package org.llminspector.run.store;

import java.io.IOException;

/**
 * Uninterrupted runs file work to its end on a thread that was asked to stop.
 *
 * <p>An interrupt closes the {@link java.nio.channels.FileChannel} that the thread is using; a run that is cancelled
 * is to be kept all the same.
 */
final class Uninterrupted {

    /** Work that may fail to reach the disk. */
    interface Work<T> {
        T run() throws IOException;
    }

    private Uninterrupted() {}

    /** Runs the work with the interrupt put aside, and puts it back afterwards. */
    static <T> T run(Work<T> work) throws IOException {
        boolean interrupted = Thread.interrupted();
        try {
            return work.run();
        } finally {
            if (interrupted) Thread.currentThread().interrupt();
        }
    }
}
