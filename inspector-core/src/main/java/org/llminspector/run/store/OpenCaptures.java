package org.llminspector.run.store;

import com.github.benmanes.caffeine.cache.Cache;
import com.github.benmanes.caffeine.cache.Caffeine;
import com.github.benmanes.caffeine.cache.RemovalCause;
import java.nio.file.Path;
import java.util.function.Function;
import org.llminspector.checkpoint.SafetensorsFile;

/** Cache of open capture files; one that is evicted is closed. Thread-safe. */
final class OpenCaptures implements AutoCloseable {

    private static final int MOST = 16;

    private final Cache<Path, SafetensorsFile> files = Caffeine.newBuilder()
            .executor(Runnable::run)
            .maximumSize(MOST)
            .removalListener((Path path, SafetensorsFile file, RemovalCause cause) -> file.close())
            .build();

    /**
     * Runs work on a folder's captures; the file may be closed once this returns, but tensors taken from it stay valid.
     */
    synchronized <T> T use(RunFolder folder, Function<SafetensorsFile, T> work) {
        return work.apply(files.get(folder.path(), path -> folder.captures()));
    }

    /** Closes the files of a run and of its recaptures. */
    synchronized void forget(Path run) {
        files.asMap().keySet().removeIf(path -> path.startsWith(run));
    }

    @Override
    public synchronized void close() {
        files.invalidateAll();
    }
}
