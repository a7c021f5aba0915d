package org.llminspector.run.store;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.attribute.FileTime;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import org.llminspector.base.Problem;
import org.llminspector.checkpoint.SafetensorsFile;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * List of a store's runs: an index that is synchronized with the folders and rebuilt when damaged. Thread-safe. Lock
 * order: this, then the folder's lock.
 */
final class RunList implements AutoCloseable {

    private static final Logger LOG = LoggerFactory.getLogger(RunList.class);
    private static final int TEXT_SHOWN = 400;
    private static final int PORTION = 200;
    /** File times are coarse: a folder modified this recently may change again without a newer time. */
    private static final long SETTLED_MS = 1_000;

    private final StoreFolder folder;
    private RunIndex index; // guarded by this, as are the fields below
    private FileTime synced;
    private boolean closed;

    /** Reindexes damaged runs, which another version or a repaired disk may make readable. */
    RunList(StoreFolder folder) {
        this.folder = folder;
        with(i -> {
            for (Map.Entry<String, Boolean> run : i.ids().entrySet()) {
                if (run.getValue()) reindex(i, run.getKey());
            }
            return null;
        });
    }

    /** The newest id, or null. */
    String newest() {
        return with(RunIndex::newest);
    }

    /** Newest first, at most {@code limit}, older than {@code before} when given. */
    List<RunSummary> page(int limit, String before) {
        return with(i -> {
            sync(i);
            List<RunSummary> runs = new ArrayList<>();
            String from = before;
            while (runs.size() < limit) {
                List<RunSummary> page = i.page(limit - runs.size(), from);
                if (page.isEmpty()) break;
                for (RunSummary run : page) {
                    RunSummary now = unchanged(run) ? run : reindex(i, run.id());
                    if (now != null) runs.add(now);
                }
                from = page.get(page.size() - 1).id();
            }
            return runs;
        });
    }

    /** Descendants of a run, oldest first, at most {@code limit}. */
    List<RunSummary> branches(String of, int limit) {
        return with(i -> {
            sync(i);
            List<RunSummary> runs = new ArrayList<>();
            for (RunSummary run : i.branches(of, limit)) {
                RunSummary now = unchanged(run) ? run : reindex(i, run.id());
                if (now != null) runs.add(now);
            }
            return runs;
        });
    }

    void put(RunManifest manifest, long bytes) {
        with(i -> {
            i.put(summary(manifest, bytes), false);
            return null;
        });
    }

    void remove(String id) {
        with(i -> {
            i.remove(id);
            return null;
        });
    }

    /**
     * Deletes the oldest runs while the store is too large, except this one and the newest; returns the deleted ids.
     */
    synchronized Set<String> retain(long maxBytes, String kept) throws IOException {
        if (with(RunIndex::totalBytes) <= maxBytes) return Set.of();
        return folder.locked(() -> with(i -> {
            sync(i);
            Set<String> gone = new HashSet<>();
            Set<String> spared = new HashSet<>(Arrays.asList(kept, i.newest())); // no newest where all are deleted
            Retention.keep(maxBytes, i.bytesOldestFirst(), spared, id -> {
                gone.add(id);
                folder.remove(id);
            });
            for (String id : gone) i.remove(id);
            return gone;
        }));
    }

    synchronized void requireOpen() {
        if (closed) throw new IllegalStateException("the store of runs is closed");
    }

    @Override
    public synchronized void close() {
        closed = true;
        if (index != null) index.close();
        index = null;
    }

    /** Work on the index. */
    private interface IndexWork<T> {
        T run(RunIndex index) throws SQLException, IOException;
    }

    /** Runs work on the index, and rebuilds it when it is missing, damaged or replaced by another process. */
    private synchronized <T> T with(IndexWork<T> work) {
        requireOpen();
        try {
            try {
                openIndex(false);
                return work.run(index);
            } catch (SQLException e) {
                if (!RunIndex.rebuildable(e)) throw e;
                LOG.warn("The index of {} is damaged and will be rebuilt: {}", folder.path(), e.getMessage());
                openIndex(true);
                return work.run(index);
            }
        } catch (SQLException e) {
            throw Problem.of(Problem.Kind.STORAGE, "the index of runs cannot be used")
                    .where(index == null ? folder.path() : index.file())
                    .found(e.getMessage())
                    .instead("check that there is space on the disk; the runs themselves are safe")
                    .causedBy(e);
        } catch (IOException e) {
            throw StoreFolder.unusable(folder.path(), e);
        }
    }

    private void openIndex(boolean fresh) throws SQLException, IOException {
        if (!fresh && index != null && index.current()) return;
        if (index != null) index.close();
        index = null;
        synced = null;
        SQLException[] failure = new SQLException[1];
        index = folder.locked(() -> {
            try {
                return fresh ? RunIndex.fresh(folder.path()) : RunIndex.open(folder.path());
            } catch (SQLException e) {
                failure[0] = e;
                return null;
            }
        });
        if (failure[0] != null) throw failure[0];
        sync(index);
    }

    /** Synchronizes the index with the folders, if any were added or removed. */
    private void sync(RunIndex i) throws SQLException, IOException {
        FileTime modified = Files.getLastModifiedTime(folder.path());
        if (modified.equals(synced)) return;
        boolean settled = modified.toMillis() < System.currentTimeMillis() - SETTLED_MS;
        Set<String> folders = new TreeSet<>(folder.ids());
        Set<String> indexed = i.ids().keySet();
        Set<String> gone = new HashSet<>(indexed);
        gone.removeAll(folders);
        folders.removeAll(indexed);
        if (!gone.isEmpty() || !folders.isEmpty()) {
            i.inTransaction(() -> {
                for (String id : gone) i.remove(id);
            });
            // In portions, so that another process waits for one of them at most.
            List<String> fresh = List.copyOf(folders);
            for (int from = 0; from < fresh.size(); from += PORTION) {
                List<String> portion = fresh.subList(from, Math.min(fresh.size(), from + PORTION));
                i.inTransaction(() -> {
                    for (String id : portion) reindex(i, id);
                });
            }
        }
        if (settled) synced = modified;
    }

    private boolean unchanged(RunSummary run) {
        try {
            return folderOf(run.id()).bytes() == run.bytes();
        } catch (IOException e) {
            return false;
        }
    }

    private RunFolder folderOf(String id) {
        return new RunFolder(folder.path().resolve(id));
    }

    /** Indexes a run's folder; returns its entry, or null when it is gone or damaged. */
    private RunSummary reindex(RunIndex i, String id) throws SQLException, IOException {
        RunFolder run = folderOf(id);
        try (SafetensorsFile file = run.captures()) {
            RunSummary now = summary(run.manifest(), run.bytes());
            i.put(now, false);
            return now;
        } catch (Problem p) {
            if (!Files.isDirectory(run.path())) {
                i.remove(id);
                return null;
            }
            LOG.warn("A run is left out of the list: {}", p.getMessage());
            i.put(new RunSummary(id, "", null, "", "", "", "", null, 0, 0, 0, bytesOf(run), null), true);
            return null;
        } catch (NoSuchFileException e) {
            i.remove(id);
            return null;
        }
    }

    /** Bytes of the existing files of a damaged run. */
    private static long bytesOf(RunFolder run) {
        return run.manifestFile().toFile().length()
                + run.capturesFile().toFile().length();
    }

    private static RunSummary summary(RunManifest m, long bytes) {
        return new RunSummary(
                m.id(),
                m.created(),
                m.name(),
                m.model().slug(),
                m.engine().name(),
                m.engine().precision().name().toLowerCase(Locale.ROOT),
                m.engine().device(),
                beginning(m.text()),
                m.promptLength(),
                m.generation() == null ? 0 : m.generation().steps().size(),
                m.captures().size(),
                bytes,
                m.request().branch() == null ? null : m.request().branch().run());
    }

    private static String beginning(String text) {
        if (text == null || text.length() <= TEXT_SHOWN) return text;
        int end = Character.isHighSurrogate(text.charAt(TEXT_SHOWN - 1)) ? TEXT_SHOWN - 1 : TEXT_SHOWN;
        return text.substring(0, end) + "…";
    }
}
