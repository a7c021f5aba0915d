package org.llminspector.run;

import java.io.IOException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.List;
import java.util.Set;
import java.util.stream.Collectors;
import org.llminspector.base.Problem;
import org.llminspector.base.Tensor;
import org.llminspector.capture.Capture;
import org.llminspector.hook.HookId;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * RunStore keeps finished runs: immutable folders with manifest.json and captures.safetensors, and a list of them. The
 * folders are the truth and the list follows them. Several processes may share a store. Safe on any thread.
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

    /** Opens or creates the store; an index that is missing, damaged or behind is rebuilt from the folders. */
    public static RunStore open(Path dir, long maxBytes) {
        StoreFolder store;
        try {
            store = StoreFolder.open(dir);
        } catch (IOException e) {
            throw unusable(dir, e);
        }
        try {
            return new RunStore(store, new RunList(store), maxBytes);
        } catch (RuntimeException e) {
            store.close();
            throw e;
        }
    }

    /** A new id, later in order than every earlier one. */
    public String newId() {
        return runIds.next(list.newest());
    }

    /** Writes the run atomically, then lets go of the oldest runs past maxBytes (never this one). */
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
                    store.publish(partial.path(), id);
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
            list.put(manifest, new RunFolder(target).bytes());
            list.retain(maxBytes, id).forEach(captures::forget);
        } catch (IOException | Problem e) {
            // The run itself is safe; the index follows when the store is listed next.
            LOG.warn("Run {} is kept, but the store could not be tidied after it", id, e);
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
        return list.page(limit, before);
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
            store.remove(id);
        } catch (NoSuchFileException e) {
            throw missing(id);
        } catch (IOException e) {
            throw unusable(folder.path(), e);
        }
        captures.forget(id);
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

    static Problem unusable(Path path, IOException e) {
        return Problem.of(Problem.Kind.INTERNAL, "the store of runs cannot be used")
                .where(path)
                .found(e.getClass().getSimpleName() + (e.getMessage() == null ? "" : ": " + e.getMessage()))
                .instead("check that it is a folder on a local disk, that this user may write to it, and that there is"
                        + " space; DELETE /runs/{id} makes some")
                .causedBy(e);
    }
}
