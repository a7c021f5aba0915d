package org.llminspector.run;

import java.util.LinkedHashMap;
import java.util.Map;
import java.util.function.Function;
import org.llminspector.checkpoint.SafetensorsFile;

/** OpenCaptures keeps the capture files that were used last open. Safe on any thread. */
final class OpenCaptures implements AutoCloseable {

    private static final int MOST = 16;

    private final Map<String, SafetensorsFile> files = new LinkedHashMap<>(MOST, 0.75f, true);

    /** Uses a run's captures; the file may be closed once this returns, the tensors taken from it stay. */
    synchronized <T> T use(RunFolder folder, Function<SafetensorsFile, T> work) {
        String id = folder.path().getFileName().toString();
        SafetensorsFile file = files.get(id);
        if (file == null) {
            file = folder.captures();
            files.put(id, file);
            if (files.size() > MOST) {
                String eldest = files.keySet().iterator().next();
                files.remove(eldest).close();
            }
        }
        return work.apply(file);
    }

    synchronized void forget(String id) {
        SafetensorsFile file = files.remove(id);
        if (file != null) file.close();
    }

    @Override
    public synchronized void close() {
        files.values().forEach(SafetensorsFile::close);
        files.clear();
    }
}
