package org.llminspector.run.store;

import java.io.IOException;

/**
 * Completes file work on a thread that has been interrupted.
 *
 * <p>An interrupt closes the {@link java.nio.channels.FileChannel} in use, but a cancelled run must still be stored.
 */
final class Uninterrupted {

    /** File work that may fail. */
    interface Work<T> {
        T run() throws IOException;
    }

    private Uninterrupted() {}

    /** Runs the work with the interrupt flag cleared, and restores it afterwards. */
    static <T> T run(Work<T> work) throws IOException {
        boolean interrupted = Thread.interrupted();
        try {
            return work.run();
        } finally {
            if (interrupted) Thread.currentThread().interrupt();
        }
    }
}
