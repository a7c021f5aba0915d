package org.llminspector.base;

import java.io.IOException;
import java.nio.channels.ClosedByInterruptException;
import java.nio.file.Path;

/** Reads runs what may fail because of a disk, and turns that failure into a Problem. */
public final class Reads {

    /** What a file or a disk may fail. */
    @FunctionalInterface
    public interface Read<T> {
        T run() throws IOException;
    }

    private Reads() {}

    /** Reads with the thread's interrupt put aside: it says to stop a run, not to lose an open file. */
    public static <T> T uninterrupted(Path path, Read<T> read) {
        boolean interrupted = Thread.interrupted();
        try {
            while (true) {
                try {
                    return read.run();
                } catch (ClosedByInterruptException e) {
                    interrupted |= Thread.interrupted();
                }
            }
        } catch (IOException e) {
            throw unreadable(path, e);
        } finally {
            if (interrupted) Thread.currentThread().interrupt();
        }
    }

    public static Problem unreadable(Path path, IOException e) {
        return Problem.invalid("the file cannot be read")
                .where(path)
                .found(e.getClass().getSimpleName() + (e.getMessage() == null ? "" : ": " + e.getMessage()))
                .instead("check that it exists, that this user may read it, and that the disk is well")
                .causedBy(e);
    }
}
