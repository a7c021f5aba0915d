package org.llminspector.run.store;

import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.SortedMap;
import java.util.stream.Collectors;
import org.llminspector.base.Problem;
import org.llminspector.base.Reads;
import org.llminspector.base.Slice;
import org.llminspector.base.Tensor;
import org.llminspector.capture.Capture;
import org.llminspector.hook.HookId;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Store of finished runs: folders with manifest.json and captures.safetensors, and an index of them. Folders are
 * immutable; recaptures are added as subfolders. The folders are authoritative, the index follows. Several processes
 * may share a store. Thread-safe.
 */
public final class RunStore implements AutoCloseable {

    private static final Logger LOG = LoggerFactory.getLogger(RunStore.class);

    private final StoreFolder store;
    private final RunList list;
    private final long maxBytes;
    private final RunIds runIds = new RunIds();
    private final OpenCaptures captures = new OpenCaptures();

    private RunStore(StoreFolder store, RunList list, long maxBytes) {
        this.store = store;
        this.list = list;
        this.maxBytes = maxBytes;
    }

    /** Opens or creates the store; a missing, damaged or outdated index is rebuilt from the folders. */
    public static RunStore open(Path dir, long maxBytes) {
        StoreFolder store;
        try {
            store = StoreFolder.open(dir);
        } catch (IOException e) {
            throw StoreFolder.unusable(dir, e);
        }
        try {
            return new RunStore(store, new RunList(store), maxBytes);
        } catch (RuntimeException e) {
            store.close();
            throw e;
        }
    }

    /** A new id that sorts after every earlier one. */
    public String newId() {
        return runIds.next(list.newest());
    }

    /** Writes the run atomically, then deletes the oldest runs above maxBytes (never this one). */
    public void save(RunManifest manifest, Capture capture) {
        list.requireOpen();
        String id = RunIds.check(manifest.id());
        String lacks = RunFolder.lacking(manifest);
        if (lacks != null) throw new IllegalArgumentException("the manifest of " + id + " lacks " + lacks);
        Set<HookId> named =
                manifest.captures().stream().map(RunManifest.CaptureEntry::hook).collect(Collectors.toSet());
        if (!named.equals(capture.tensors().keySet())) {
            throw new IllegalArgumentException("the manifest of " + id + " names other captures than it comes with");
        }
        Path target = store.path().resolve(id);
        RunFolder partial = new RunFolder(store.partial(id));
        try {
            Uninterrupted.run(() -> {
                try {
                    if (Files.exists(target)) throw new FileAlreadyExistsException(target.toString());
                    partial.write(manifest, capture);
                    store.publish(partial.path(), target);
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
            throw StoreFolder.unusable(target, e);
        }
        tidy(manifest);
    }

    private void tidy(RunManifest manifest) {
        String id = manifest.id();
        try {
            list.put(manifest, new RunFolder(store.path().resolve(id)).bytes());
            for (String gone : list.retain(maxBytes, id))
                captures.forget(store.path().resolve(gone));
        } catch (IOException | Problem e) {
            // The run itself is stored; the index follows at the next listing.
            LOG.warn("Run {} is kept, but the store could not be tidied after it", id, e);
        }
    }

    /**
     * Adds a recapture to a run atomically.
     *
     * @param reading its number is assigned here
     * @param tensors captured values at its positions
     * @return the run's manifest with it
     */
    public RunManifest extend(String id, RunManifest.Recapture reading, SortedMap<HookId, Tensor> tensors) {
        RunManifest run = manifest(id);
        RunFolder folder = folder(id);
        RunFolder partial = new RunFolder(store.partial(id));
        try {
            Uninterrupted.run(() -> {
                try {
                    List<Integer> before = folder.readings();
                    int number = before.isEmpty() ? 1 : before.get(before.size() - 1) + 1;
                    while (true) {
                        partial.write(run, numbered(id, reading, number, tensors), tensors);
                        try {
                            store.publish(partial.path(), folder.more(number).path());
                            return null;
                        } catch (FileAlreadyExistsException e) {
                            number++; // another process took that number
                            RunFolder.delete(partial.path());
                        }
                    }
                } finally {
                    RunFolder.delete(partial.path());
                }
            });
        } catch (NoSuchFileException e) {
            throw Problem.of(Problem.Kind.CONFLICT, "the run was deleted while it was read again")
                    .where("run " + id)
                    .found("nothing of the reading is kept")
                    .causedBy(e);
        } catch (IOException e) {
            throw StoreFolder.unusable(folder.path(), e);
        }
        RunManifest extended = manifest(id);
        tidy(extended);
        return extended;
    }

    private static RunFolder.RecaptureFile numbered(
            String id, RunManifest.Recapture e, int number, SortedMap<HookId, Tensor> tensors) {
        RunManifest.Recapture numbered = new RunManifest.Recapture(
                number, e.created(), e.version(), e.hooks(), e.positions(), e.engine(), e.ms(), e.agreement());
        List<RunManifest.CaptureEntry> entries = new ArrayList<>();
        tensors.forEach((hook, t) -> entries.add(RunManifest.CaptureEntry.of(hook, t, e.positions(), number)));
        return new RunFolder.RecaptureFile(id, numbered, entries);
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
        return list.page(limit, before);
    }

    /**
     * Runs that branched off a run, directly or indirectly, oldest first.
     *
     * @param of a run's id; a deleted run may still have branches
     * @param limit most runs returned
     */
    public List<RunSummary> branches(String of, int limit) {
        return list.branches(RunIds.check(of), limit);
    }

    public RunManifest manifest(String id) {
        RunFolder folder = folder(id);
        try {
            return folder.manifest();
        } catch (Problem p) {
            throw Files.isDirectory(folder.path()) ? p : missing(id);
        }
    }

    /**
     * A stored capture, memory-mapped.
     *
     * @param start position in the run of the tensor's first position
     * @param positions number of positions of the run
     * @param whole whether it contains all of them
     */
    public record Captured(Tensor tensor, int start, int positions, boolean whole) {}

    /** One captured tensor at every position, memory-mapped. */
    public Tensor capture(String id, HookId hook) {
        return captured(id, hook, Slice.ALL).tensor();
    }

    /**
     * A captured tensor that contains these positions.
     *
     * @param wanted slice of all the run's positions; null for those captured
     */
    public Captured captured(String id, HookId hook, Slice wanted) {
        int axis = hook.point().positionAxis();
        RunFolder folder = folder(id);
        Tensor own = read(folder, hook);
        if (own != null) return new Captured(own, 0, Math.toIntExact(own.shape()[axis]), true);
        RunManifest manifest = manifest(id);
        List<RunManifest.CaptureEntry> kept =
                manifest.captures().stream().filter(c -> c.hook().equals(hook)).toList();
        if (kept.isEmpty()) throw notCaptured(manifest, hook);
        int all = manifest.positions();
        for (RunManifest.CaptureEntry c : kept) {
            if (c.positions() == null) return new Captured(read(folder.more(c.recapture()), hook), 0, all, true);
        }
        String stretches = kept.stream().map(c -> c.positions().toString()).collect(Collectors.joining(", "));
        String label = hook.point().axes().get(axis).label();
        if (wanted == null && kept.size() > 1) {
            throw Problem.invalid("the run has several stretches of this hook")
                    .where("run " + id + ", " + hook)
                    .expected("`" + label + "` within one of " + stretches);
        }
        int[] range = wanted == null ? null : wanted.on(all, label);
        for (RunManifest.CaptureEntry c : kept) {
            if (range == null || c.positions().holds(new PositionRange(range[0], range[1]))) {
                return new Captured(
                        read(folder.more(c.recapture()), hook), c.positions().start(), all, false);
            }
        }
        throw Problem.notFound("the run did not keep these positions of this hook")
                .where("run " + id + ", " + hook)
                .expected("positions within " + stretches)
                .found(range[0] + ":" + range[1])
                .instead("POST /runs/" + id + "/captures reads the run's tokens again for what it lacks");
    }

    /** The tensor in this folder, or null. It stays valid when the run is deleted. */
    private Tensor read(RunFolder folder, HookId hook) {
        try {
            return captures.use(
                    folder, file -> file.tensors().containsKey(hook.name()) ? file.tensor(hook.name()) : null);
        } catch (Problem p) {
            if (Files.isDirectory(folder.path())) throw p;
            throw missing(folder.path().getFileName().toString());
        }
    }

    private static Problem notCaptured(RunManifest run, HookId hook) {
        int n = run.captures().size();
        return Problem.notFound("the run did not capture this hook")
                .where("run " + run.id() + ", " + hook)
                .found(
                        n == 0
                                ? "no captured hooks"
                                : n + " captured hooks, GET /runs/" + run.id() + "/captures lists them")
                .instead("name it in the run's `capture` list and run again, or POST /runs/" + run.id()
                        + "/captures: it reads the same tokens again");
    }

    /** The run's own captures.safetensors. */
    public Path captureFile(String id) {
        RunFolder folder = folder(id);
        try {
            folder.captures().close();
        } catch (Problem p) {
            throw Files.isDirectory(folder.path()) ? p : missing(id);
        }
        return folder.capturesFile();
    }

    /** The same, opened: it stays readable to its end when the run is deleted meanwhile. */
    public FileChannel openCaptures(String id) {
        Path file = captureFile(id);
        try {
            return Reads.channel(file);
        } catch (NoSuchFileException e) {
            throw missing(id);
        } catch (IOException e) {
            throw Reads.unreadable(file, e);
        }
    }

    /** Deletes the run; tensors already handed out stay valid. */
    public void delete(String id) {
        RunFolder folder = folder(id);
        try {
            store.remove(id);
        } catch (NoSuchFileException e) {
            throw missing(id);
        } catch (IOException e) {
            throw StoreFolder.unusable(folder.path(), e);
        }
        captures.forget(folder.path());
        list.remove(id);
    }

    @Override
    public void close() {
        list.close();
        captures.close();
        store.close();
    }

    /** The folder of an existing run. */
    private RunFolder folder(String id) {
        RunFolder folder = new RunFolder(store.path().resolve(RunIds.check(id)));
        if (!Files.isDirectory(folder.path())) throw missing(id);
        return folder;
    }

    private static Problem missing(String id) {
        return Problem.notFound("there is no such run")
                .where("run " + id)
                .instead("it may have been deleted, or have been among the oldest when the store was full;"
                        + " GET /runs lists what there is");
    }
}
