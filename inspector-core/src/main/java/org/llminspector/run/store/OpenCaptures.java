package org.llminspector.run.store;

import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.function.Function;
import org.llminspector.checkpoint.SafetensorsFile;

/** LRU cache of open capture files. Thread-safe. */
final class OpenCaptures implements AutoCloseable {

    private static final int MOST = 16;

    private final Map<Path, SafetensorsFile> files = new LinkedHashMap<>(MOST, 0.75f, true);

    /**
     * Runs work on a folder's captures; the file may be closed once this returns, but tensors taken from it stay valid.
     */
    synchronized <T> T use(RunFolder folder, Function<SafetensorsFile, T> work) {
        SafetensorsFile file = files.get(folder.path());
        if (file == null) {
            file = folder.captures();
            files.put(folder.path(), file);
            if (files.size() > MOST) {
                Path eldest = files.keySet().iterator().next();
                files.remove(eldest).close();
            }
        }
        return work.apply(file);
    }

    /** Closes the files of a run and of its recaptures. */
    synchronized void forget(Path run) {
        files.entrySet().removeIf(e -> {
            if (!e.getKey().startsWith(run)) return false;
            e.getValue().close();
            return true;
        });
    }

    @Override
    public synchronized void close() {
        files.values().forEach(SafetensorsFile::close);
        files.clear();
    }
}
