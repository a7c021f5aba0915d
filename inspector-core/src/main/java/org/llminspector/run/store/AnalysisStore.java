package org.llminspector.run.store;

import com.fasterxml.jackson.core.JsonProcessingException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.List;
import org.llminspector.base.Json;
import org.llminspector.base.Problem;
import org.llminspector.base.Writes;

/** Store of finished causal analyses, a folder with one JSON file each, next to the runs. Thread-safe. */
public final class AnalysisStore implements AutoCloseable {

    private static final String FILE = "analysis.json";

    private static final long MOST_BYTES = 256L << 20;

    private final StoreFolder store;
    private final RunIds ids = new RunIds();

    private AnalysisStore(StoreFolder store) {
        this.store = store;
    }

    /** Opens or creates the store, and removes unfinished folders of dead writers. */
    public static AnalysisStore open(Path dir) {
        try {
            return new AnalysisStore(StoreFolder.open(dir));
        } catch (IOException e) {
            throw unusable(dir, e);
        }
    }

    /** A new id that sorts after every earlier one of this process. */
    public String newId() {
        List<String> all = ids();
        return ids.next(all.isEmpty() ? null : all.get(0));
    }

    /** Writes a finished analysis; it is there whole, or not at all. */
    public void save(String id, Object analysis) {
        Path partial = store.partial(id);
        try {
            Writes.privateFolder(partial);
            Writes.replace(partial.resolve(FILE), Json.write(analysis));
            store.publish(partial, store.path().resolve(id));
        } catch (IOException e) {
            throw unusable(partial, e);
        }
    }

    /** @throws Problem NOT_FOUND where there is none; INVALID where its file is damaged */
    public <T> T read(String id, Class<T> type) {
        Path folder = folder(id);
        try {
            return Json.mapper().treeToValue(Json.readObject(folder.resolve(FILE), MOST_BYTES), type);
        } catch (JsonProcessingException e) {
            throw Problem.invalid("the analysis's file is damaged")
                    .where(folder.resolve(FILE))
                    .found(e.getOriginalMessage())
                    .instead("delete it: DELETE /analyses/" + id);
        }
    }

    public void delete(String id) {
        Path folder = folder(id);
        try {
            store.remove(id);
        } catch (NoSuchFileException e) {
            throw missing(id);
        } catch (IOException e) {
            throw unusable(folder, e);
        }
    }

    /** Newest first. */
    public List<String> ids() {
        try {
            return store.ids().stream().sorted(Comparator.reverseOrder()).toList();
        } catch (IOException e) {
            throw unusable(store.path(), e);
        }
    }

    private Path folder(String id) {
        Path path = store.path().resolve(RunIds.check(id));
        if (Files.isDirectory(path)) return path;
        throw missing(id);
    }

    private static Problem missing(String id) {
        return Problem.notFound("there is no such analysis")
                .where("analysis " + id)
                .instead("GET /analyses lists what there is");
    }

    private static Problem unusable(Path path, IOException e) {
        return Writes.failed("the store of analyses cannot be used", path, e);
    }

    @Override
    public void close() {
        store.close();
    }
}
