package org.llminspector.hub;

import java.nio.file.Path;
import java.util.List;

/**
 * A complete model in the cache.
 *
 * @param snapshot the folder to open
 * @param commit the revision's commit, 40 hex digits
 * @param slug the model's name in requests: {@code owner--name}
 * @param note null, or why this is an earlier download instead of the hub's current one
 */
public record Pulled(Path snapshot, String commit, List<File> files, String slug, String note) {

    public Pulled {
        files = List.copyOf(files);
    }

    /** One file of the model. */
    public record File(String name, long bytes, How how) {}

    /** Where a file came from. */
    public enum How {
        DOWNLOADED,
        /** Begun by an earlier pull, completed by this one. */
        RESUMED,
        /** It was in the cache. */
        CACHED
    }
}
