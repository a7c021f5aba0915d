package org.llminspector.run.store;

import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.locks.ReentrantLock;

/**
 * StoreLock lets one thread of one process at a time tidy a store: clean up, rebuild the index, evict old runs.
 *
 * <p>Saving a run needs no lock. The file lock goes with its process, so a killed one never blocks the others. File
 * locks belong to the whole JVM, hence the second lock among its threads.
 */
final class StoreLock {

    private static final ConcurrentHashMap<Path, ReentrantLock> LOCAL = new ConcurrentHashMap<>();

    private final Path file;
    private final ReentrantLock local;

    /** @param dir the store's real path */
    StoreLock(Path dir) {
        this.file = dir.resolve(".store.lock");
        this.local = LOCAL.computeIfAbsent(file, f -> new ReentrantLock());
    }

    <T> T locked(Uninterrupted.Work<T> work) throws IOException {
        local.lock();
        try {
            if (local.getHoldCount() > 1) return work.run();
            return Uninterrupted.run(() -> {
                try (FileChannel channel = FileChannel.open(file, StandardOpenOption.CREATE, StandardOpenOption.WRITE);
                        FileLock lock = channel.lock()) {
                    return work.run();
                }
            });
        } finally {
            local.unlock();
        }
    }
}
