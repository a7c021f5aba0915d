package org.llminspector.hub;

/**
 * Progress is how far a pull has come.
 *
 * @param file the file at work; null while there is none
 * @param bytesDone of all the files of the pull, those that were there before included
 * @param bytesTotal of all the files; grows once, when the index has said which shards there are
 * @param bytesPerSecond what arrived in the last seconds; 0 while nothing arrives
 */
public record Progress(
        State state,
        String file,
        int fileNumber,
        int fileCount,
        long bytesDone,
        long bytesTotal,
        double bytesPerSecond) {

    /** What is going on. */
    public enum State {
        /** Asking the hub what there is. */
        RESOLVING,
        /** Another process or thread pulls this model; what it fetches is used. */
        WAITING,
        DOWNLOADING,
        /** Comparing a file with its hash. */
        CHECKING,
        DONE
    }

    /** Listener hears of a pull on the pulling thread, at most ten times a second and once when it is done. */
    public interface Listener {
        Listener NONE = p -> {};

        void on(Progress progress);
    }
}
