package org.llminspector.hub;

/**
 * Progress of a pull.
 *
 * @param file the current file; null between files
 * @param bytesDone of all files of the pull, including those already there
 * @param bytesTotal of all files; grows once, when the index has listed the shards
 * @param bytesPerSecond average over the last seconds; 0 while nothing arrives
 */
public record Progress(
        State state,
        String file,
        int fileNumber,
        int fileCount,
        long bytesDone,
        long bytesTotal,
        double bytesPerSecond) {

    /** The current activity. */
    public enum State {
        /** Requesting the list of files from the hub. */
        RESOLVING,
        /** Another process or thread pulls this model; its result is used. */
        WAITING,
        DOWNLOADING,
        /** Verifying a file's hash. */
        CHECKING,
        DONE
    }

    /** Called on the pulling thread, at most ten times per second and once at the end. */
    public interface Listener {
        Listener NONE = p -> {};

        void on(Progress progress);
    }
}
