package org.llminspector.run.store;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Set;
import java.util.SortedMap;
import java.util.TreeMap;
import org.llminspector.base.Problem;
import org.llminspector.base.Writes;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Store of finished comparisons as immutable folders, next to the runs. Several processes may share it. Thread-safe.
 */
public final class ComparisonStore implements AutoCloseable {

    private static final Logger LOG = LoggerFactory.getLogger(ComparisonStore.class);

    private final StoreFolder store;
    private final long maxBytes;
    private final RunIds ids = new RunIds();

    private ComparisonStore(StoreFolder store, long maxBytes) {
        this.store = store;
        this.maxBytes = maxBytes;
    }

    /**
     * Opens or creates the store, and removes unfinished folders of dead writers.
     *
     * @param maxBytes size above which the oldest comparisons are deleted
     */
    public static ComparisonStore open(Path dir, long maxBytes) {
        try {
            return new ComparisonStore(StoreFolder.open(dir), maxBytes);
        } catch (IOException e) {
            throw unusable(dir, e);
        }
    }

    /** A new id that sorts after every earlier one of this process. */
    public String newId() {
        List<String> all = ids();
        return ids.next(all.isEmpty() ? null : all.get(0));
    }

    /** A hidden folder for writing a comparison. */
    public ComparisonFolder begin(String id) {
        Path partial = store.partial(id);
        try {
            return new ComparisonFolder(Writes.privateFolder(partial));
        } catch (IOException e) {
            throw unusable(partial, e);
        }
    }

    /** Publishes a finished folder, then deletes the oldest ones above maxBytes (never this one). */
    public void publish(ComparisonFolder partial, String id) {
        try {
            store.publish(partial.path(), store.path().resolve(id));
        } catch (IOException e) {
            throw unusable(partial.path(), e);
        }
        try {
            store.locked(() -> {
                Retention.keep(maxBytes, bytes(), Set.of(id), store::remove);
                return null;
            });
        } catch (IOException | Problem e) {
            // The comparison itself is safe.
            LOG.warn("Comparison {} is kept, but the store could not be tidied after it", id, e);
        }
    }

    private SortedMap<String, Long> bytes() throws IOException {
        SortedMap<String, Long> bytes = new TreeMap<>();
        for (String id : ids()) {
            try {
                bytes.put(id, new ComparisonFolder(store.path().resolve(id)).bytes());
            } catch (NoSuchFileException e) {
                // deleted concurrently
            }
        }
        return bytes;
    }

    /** Removes an unpublished folder. */
    public static void abandon(ComparisonFolder partial) {
        try {
            RunFolder.delete(partial.path());
        } catch (IOException e) {
            LOG.warn("Cannot remove the leftover {}", partial.path(), e);
        }
    }

    public ComparisonFolder folder(String id) {
        Path path = store.path().resolve(RunIds.check(id));
        if (Files.isDirectory(path)) return new ComparisonFolder(path);
        throw missing(id);
    }

    /** Newest first, older than {@code before} when given; unreadable ones are skipped. */
    public List<ComparisonManifest> list(int limit, String before) {
        List<ComparisonManifest> manifests = new ArrayList<>();
        for (String id : ids()) {
            if (manifests.size() >= limit) break;
            if (before != null && id.compareTo(RunIds.check(before)) >= 0) continue;
            try {
                manifests.add(folder(id).manifest());
            } catch (Problem p) {
                LOG.warn("A comparison is left out of the list: {}", p.getMessage());
            }
        }
        return manifests;
    }

    public void delete(String id) {
        Path path = folder(id).path();
        try {
            store.remove(id);
        } catch (NoSuchFileException e) {
            throw missing(id);
        } catch (IOException e) {
            throw unusable(path, e);
        }
    }

    /** Newest first. */
    private List<String> ids() {
        try {
            return store.ids().stream().sorted(Comparator.reverseOrder()).toList();
        } catch (IOException e) {
            throw unusable(store.path(), e);
        }
    }

    private static Problem missing(String id) {
        return Problem.notFound("there is no such comparison")
                .where("comparison " + id)
                .instead("it may have been deleted, or have been among the oldest when the store was full;"
                        + " GET /comparisons lists what there is");
    }

    private static Problem unusable(Path path, IOException e) {
        return Writes.failed("the store of comparisons cannot be used", path, e);
    }

    @Override
    public void close() {
        store.close();
    }
}
