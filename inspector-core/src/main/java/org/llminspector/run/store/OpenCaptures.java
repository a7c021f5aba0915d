package org.llminspector.run.store;

import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.function.Function;
import org.llminspector.checkpoint.SafetensorsFile;

/** OpenCaptures keeps the capture files that were used last open. Safe on any thread. */
final class OpenCaptures implements AutoCloseable {

    private static final int MOST = 16;

    private final Map<Path, SafetensorsFile> files = new LinkedHashMap<>(MOST, 0.75f, true);

    /** Uses the captures of a folder; the file may be closed once this returns, the tensors taken from it stay. */
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

    /** Closes the files of a run and of what was added to it. */
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
