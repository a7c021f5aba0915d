package org.llminspector.run;

import java.nio.file.Path;
import java.util.List;
import org.llminspector.base.Tensor;
import org.llminspector.capture.Capture;
import org.llminspector.hook.HookId;

/** RunStore keeps finished runs: immutable folders with manifest.json and captures.safetensors, and a SQLite index. */
public final class RunStore implements AutoCloseable {

    /** One line of the list of runs. */
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

    private RunStore() {}

    /** Opens or creates the store; an index that is missing, damaged or behind is rebuilt from the folders. */
    public static RunStore open(Path dir, long maxBytes) {
        throw new UnsupportedOperationException();
    }

    /** A new id, later in order than every earlier one. */
    public String newId() {
        throw new UnsupportedOperationException();
    }

    /** Writes the run atomically, then lets go of the oldest runs past maxBytes (never this one). */
    public void save(RunManifest manifest, Capture capture) {
        throw new UnsupportedOperationException();
    }

    /** Newest first, at most {@code limit}, older than {@code before} (an id) when given. */
    public List<RunSummary> list(int limit, String before) {
        throw new UnsupportedOperationException();
    }

    public RunManifest manifest(String id) {
        throw new UnsupportedOperationException();
    }

    /** One captured tensor, memory-mapped. */
    public Tensor capture(String id, HookId hook) {
        throw new UnsupportedOperationException();
    }

    /** The run's captures.safetensors. */
    public Path captureFile(String id) {
        throw new UnsupportedOperationException();
    }

    public void delete(String id) {
        throw new UnsupportedOperationException();
    }

    @Override
    public void close() {}
}
