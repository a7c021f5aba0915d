package org.llminspector.run;

import java.io.IOException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.attribute.FileTime;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.atomic.AtomicLong;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.llminspector.base.Problem;
import org.llminspector.base.Tensor;
import org.llminspector.capture.Capture;
import org.llminspector.checkpoint.SafetensorsFile;
import org.llminspector.hook.HookId;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * RunStore keeps finished runs: immutable folders with manifest.json and captures.safetensors, and a SQLite index.
 *
 * <p>A run is written into a hidden folder, through to the disk, and then renamed: it is there whole or not at all,
 * whenever the process or the machine dies. The folders are the truth and the index follows them. Several processes
 * may share a store. Safe on any thread.
 */
public final class RunStore implements AutoCloseable {

    /** One line of the list of runs. {@code text} is its beginning. */
    public record RunSummary(
            String id,
            String created,
            String name,
            String model,
            String engine,
            String precision,
            String device,
            String text,
            int promptLength,
            int generated,
            int captures,
            long bytes) {}

    static final Logger LOG = LoggerFactory.getLogger(RunStore.class);

    private static final Pattern PARTIAL = Pattern.compile("\\.tmp-([0-9]+-[0-9a-f]{8})-.*");
    private static final Pattern TRASH = Pattern.compile("\\.trash-.*");
    private static final int TEXT_SHOWN = 400;
    private static final int PORTION = 200;
    /** File times are coarse: a folder that changed this recently may change again without looking newer. */
    private static final long SETTLED_MS = 1_000;

    private final Path dir;
    private final long maxBytes;
    private final StoreLock lock;
    private final WriterLock writer;
    private final RunIds runIds = new RunIds();
    private final AtomicLong saves = new AtomicLong();
    private final OpenCaptures captures = new OpenCaptures();
    /** Guarded by this, like what follows. Lock order: this, then {@link #lock}. */
    private RunIndex index;

    private FileTime synced;
    private volatile boolean closed;

    private RunStore(Path dir, long maxBytes, StoreLock lock, WriterLock writer) {
        this.dir = dir;
        this.maxBytes = maxBytes;
        this.lock = lock;
        this.writer = writer;
    }

    /** Opens or creates the store; an index that is missing, damaged or behind is rebuilt from the folders. */
    public static RunStore open(Path dir, long maxBytes) {
        RunStore store;
        try {
            Files.createDirectories(dir);
            Path real = dir.toRealPath();
            StoreLock lock = new StoreLock(real);
            store = new RunStore(real, maxBytes, lock, lock.locked(() -> WriterLock.take(real)));
        } catch (IOException e) {
            throw unusable(dir, e);
        }
        try {
            store.lock.locked(() -> {
                store.cleanUp();
                return null;
            });
            store.withIndex(i -> {
                store.recheckDamaged(i);
                return null;
            });
            return store;
        } catch (IOException e) {
            store.close();
            throw unusable(dir, e);
        } catch (RuntimeException e) {
            store.close();
            throw e;
        }
    }

    /** A new id, later in order than every earlier one. */
    public String newId() {
        return runIds.next(withIndex(RunIndex::newest));
    }

    /** Writes the run atomically, then lets go of the oldest runs past maxBytes (never this one). */
    public void save(RunManifest manifest, Capture capture) {
        requireOpen();
        String id = RunIds.check(manifest.id());
        String lacks = RunFolder.lacking(manifest);
        if (lacks != null) throw new IllegalArgumentException("the manifest of " + id + " lacks " + lacks);
        Set<HookId> named =
                manifest.captures().stream().map(RunManifest.CaptureEntry::hook).collect(Collectors.toSet());
        if (!named.equals(capture.tensors().keySet())) {
            throw new IllegalArgumentException("the manifest of " + id + " names other captures than it comes with");
        }
        Path target = dir.resolve(id);
        RunFolder partial =
                new RunFolder(dir.resolve(".tmp-" + writer.token() + "-" + saves.incrementAndGet() + "-" + id));
        try {
            Uninterrupted.run(() -> {
                try {
                    if (Files.exists(target)) throw new FileAlreadyExistsException(target.toString());
                    partial.write(manifest, capture);
                    publish(partial.path(), target);
                    RunFolder.sync(dir);
                } finally {
                    RunFolder.delete(partial.path());
                }
                return null;
            });
        } catch (FileAlreadyExistsException e) {
            throw Problem.of(Problem.Kind.CONFLICT, "a run of this id is kept already")
                    .where(target)
                    .causedBy(e);
        } catch (IOException e) {
            throw unusable(target, e);
        }
        try {
            long bytes = new RunFolder(target).bytes();
            withIndex(i -> {
                i.put(summary(manifest, bytes), false);
                return null;
            });
            retain(id);
        } catch (IOException | Problem e) {
            // The run itself is safe; the index follows when the store is listed next.
            LOG.warn("Run {} is kept, but the store could not be tidied after it", id, e);
        }
    }

    private static void publish(Path partial, Path target) throws IOException {
        try {
            Files.move(partial, target, StandardCopyOption.ATOMIC_MOVE);
        } catch (IOException e) {
            if (Files.exists(target)) throw new FileAlreadyExistsException(target.toString());
            throw e;
        }
    }

    /** Newest first, at most {@code limit}, older than {@code before} (an id) when given. */
    public List<RunSummary> list(int limit, String before) {
        if (limit < 1) {
            throw Problem.invalid("the list would be empty")
                    .where("limit")
                    .expected("1 or more")
                    .found(limit);
        }
        if (before != null) RunIds.check(before);
        return withIndex(i -> {
            syncIfChanged(i);
            List<RunSummary> runs = new ArrayList<>();
            String from = before;
            while (runs.size() < limit) {
                List<RunSummary> page = i.page(limit - runs.size(), from);
                if (page.isEmpty()) break;
                for (RunSummary run : page) {
                    if (unchanged(run) || reindex(i, run.id())) runs.add(run);
                }
                from = page.get(page.size() - 1).id();
            }
            return runs;
        });
    }

    public RunManifest manifest(String id) {
        RunFolder folder = folder(id);
        try {
            return folder.manifest();
        } catch (Problem p) {
            throw Files.isDirectory(folder.path()) ? p : missing(id);
        }
    }

    /** One captured tensor, memory-mapped. */
    public Tensor capture(String id, HookId hook) {
        RunFolder folder = folder(id);
        return captures.use(folder, file -> {
            if (file.tensors().containsKey(hook.name())) return file.tensor(hook.name());
            throw Problem.notFound("the run did not capture this hook")
                    .where("run " + id + ", " + hook)
                    .found(
                            file.tensors().isEmpty()
                                    ? "no captured hooks"
                                    : file.tensors().size() + " captured hooks, GET /runs/" + id
                                            + "/captures lists them")
                    .instead("name it in the run's `capture` list and run again");
        });
    }

    /** The run's captures.safetensors. */
    public Path captureFile(String id) {
        RunFolder folder = folder(id);
        folder.captures().close();
        return folder.capturesFile();
    }

    /** Deletes the run; tensors of it that were handed out stay readable. */
    public void delete(String id) {
        RunFolder folder = folder(id);
        try {
            remove(folder.path());
        } catch (NoSuchFileException e) {
            throw missing(id);
        } catch (IOException e) {
            throw unusable(folder.path(), e);
        }
        captures.forget(id);
        withIndex(i -> {
            i.remove(id);
            return null;
        });
    }

    @Override
    public synchronized void close() {
        if (closed) return;
        closed = true;
        captures.close();
        if (index != null) index.close();
        writer.close();
    }

    /** The folder of an existing run. */
    private RunFolder folder(String id) {
        RunFolder folder = new RunFolder(dir.resolve(RunIds.check(id)));
        if (!Files.isDirectory(folder.path())) throw missing(id);
        return folder;
    }

    private static Problem missing(String id) {
        return Problem.notFound("there is no such run")
                .where("run " + id)
                .instead("it may have been deleted, or have been among the oldest when the store was full;"
                        + " GET /runs lists what there is");
    }

    /** Takes a run out of the store in one step, and then deletes what it was. */
    private void remove(Path run) throws IOException {
        Uninterrupted.run(() -> {
            Path trash = dir.resolve(".trash-" + writer.token() + "-" + run.getFileName());
            Files.move(run, trash, StandardCopyOption.ATOMIC_MOVE);
            RunFolder.sync(dir);
            RunFolder.delete(trash);
            return null;
        });
    }

    /** Lets go of the oldest runs while the store is too large; keeps this one and the newest. */
    private synchronized void retain(String kept) throws IOException {
        if (withIndex(RunIndex::totalBytes) <= maxBytes) return;
        lock.locked(() -> withIndex(i -> {
            syncIfChanged(i);
            Set<String> gone = new HashSet<>();
            Set<String> spared = Set.copyOf(List.of(kept, i.newest()));
            Retention.keep(maxBytes, i.bytesOldestFirst(), spared, id -> {
                gone.add(id);
                remove(dir.resolve(id));
            });
            for (String id : gone) {
                captures.forget(id);
                i.remove(id);
            }
            return null;
        }));
    }

    /** Removes what dead writers left behind. Under the store's lock. */
    private void cleanUp() throws IOException {
        for (String name : names()) {
            Path path = dir.resolve(name);
            Matcher partial = PARTIAL.matcher(name);
            Matcher lockFile = WriterLock.FILE.matcher(name);
            try {
                if (TRASH.matcher(name).matches() || (partial.matches() && WriterLock.dead(dir, partial.group(1)))) {
                    RunFolder.delete(path);
                }
            } catch (IOException e) {
                LOG.warn("Cannot remove the leftover {}", path, e);
            }
            if (lockFile.matches() && WriterLock.dead(dir, lockFile.group(1))) Files.deleteIfExists(path);
        }
    }

    private List<String> names() throws IOException {
        try (Stream<Path> children = Files.list(dir)) {
            return children.map(p -> p.getFileName().toString()).toList();
        }
    }

    private void requireOpen() {
        if (closed) throw new IllegalStateException("the store of runs is closed");
    }

    /** Work on the index. */
    private interface IndexWork<T> {
        T run(RunIndex index) throws SQLException, IOException;
    }

    /** Does the work on an index that is there, whole and ours to use; builds a new one when it turns out not to be. */
    private synchronized <T> T withIndex(IndexWork<T> work) {
        requireOpen();
        try {
            try {
                openIndex(false);
                return work.run(index);
            } catch (SQLException e) {
                if (!RunIndex.rebuildable(e)) throw e;
                LOG.warn("The index of runs in {} is damaged and will be rebuilt: {}", dir, e.getMessage());
                openIndex(true);
                return work.run(index);
            }
        } catch (SQLException e) {
            throw Problem.of(Problem.Kind.INTERNAL, "the index of runs cannot be used")
                    .where(index == null ? dir : index.file())
                    .found(e.getMessage())
                    .instead("check that there is space on the disk; the runs themselves are safe")
                    .causedBy(e);
        } catch (IOException e) {
            throw unusable(dir, e);
        }
    }

    private void openIndex(boolean fresh) throws SQLException, IOException {
        if (!fresh && index != null && index.current()) return;
        if (index != null) index.close();
        index = null;
        synced = null;
        SQLException[] failure = new SQLException[1];
        index = lock.locked(() -> {
            try {
                return fresh ? RunIndex.fresh(dir) : RunIndex.open(dir);
            } catch (SQLException e) {
                failure[0] = e;
                return null;
            }
        });
        if (failure[0] != null) throw failure[0];
        syncIfChanged(index);
    }

    /** Brings the index up to the folders, if any came or went. */
    private void syncIfChanged(RunIndex i) throws SQLException, IOException {
        FileTime modified = Files.getLastModifiedTime(dir);
        if (modified.equals(synced)) return;
        boolean settled = modified.toMillis() < System.currentTimeMillis() - SETTLED_MS;
        Set<String> folders = new TreeSet<>();
        for (String name : names()) if (RunIds.valid(name)) folders.add(name);
        Set<String> indexed = i.ids().keySet();
        Set<String> gone = new HashSet<>(indexed);
        gone.removeAll(folders);
        folders.removeAll(indexed);
        if (!gone.isEmpty() || !folders.isEmpty()) {
            i.inTransaction(() -> {
                for (String id : gone) i.remove(id);
            });
            // In portions: another process waits for no more than one of them.
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

    /** Another version, or a repaired disk, may read now what could not be read before. */
    private void recheckDamaged(RunIndex i) throws SQLException, IOException {
        for (Map.Entry<String, Boolean> run : i.ids().entrySet()) {
            if (run.getValue()) reindex(i, run.getKey());
        }
    }

    private boolean unchanged(RunSummary run) {
        try {
            return new RunFolder(dir.resolve(run.id())).bytes() == run.bytes();
        } catch (IOException e) {
            return false;
        }
    }

    /** Reads a run's folder into the index; false when it is gone or damaged. */
    private boolean reindex(RunIndex i, String id) throws SQLException, IOException {
        RunFolder folder = new RunFolder(dir.resolve(id));
        try (SafetensorsFile file = folder.captures()) {
            i.put(summary(folder.manifest(), folder.bytes()), false);
            return true;
        } catch (Problem p) {
            if (!Files.isDirectory(folder.path())) {
                i.remove(id);
                return false;
            }
            LOG.warn("A run is left out of the list: {}", p.getMessage());
            i.put(new RunSummary(id, "", null, "", "", "", "", null, 0, 0, 0, bytesOf(folder)), true);
            return false;
        } catch (NoSuchFileException e) {
            i.remove(id);
            return false;
        }
    }

    /** Bytes of whatever there is of a damaged run. */
    private static long bytesOf(RunFolder folder) {
        return folder.manifestFile().toFile().length()
                + folder.capturesFile().toFile().length();
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
                bytes);
    }

    private static String beginning(String text) {
        if (text == null || text.length() <= TEXT_SHOWN) return text;
        int end = Character.isHighSurrogate(text.charAt(TEXT_SHOWN - 1)) ? TEXT_SHOWN - 1 : TEXT_SHOWN;
        return text.substring(0, end) + "…";
    }

    private static Problem unusable(Path path, IOException e) {
        return Problem.of(Problem.Kind.INTERNAL, "the store of runs cannot be used")
                .where(path)
                .found(e.getClass().getSimpleName() + (e.getMessage() == null ? "" : ": " + e.getMessage()))
                .instead("check that it is a folder on a local disk, that this user may write to it, and that there is"
                        + " space; DELETE /runs/{id} makes some")
                .causedBy(e);
    }
}
